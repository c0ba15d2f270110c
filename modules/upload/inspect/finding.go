package inspect

// Rule names what was found, in one of these words.
type Rule string

// Rules. Each says whether it refuses a file where nobody has said otherwise.
const (
	Name         Rule = "name"              // the file's name: a path, control characters, a server's own file, a script's extension within
	NameType     Rule = "name-type"         // the name's extension is one of another type than the content
	DeclaredType Rule = "declared-type"     // the declared type is another one than the content's
	TypeDenied   Rule = "type"              // a type that may not be uploaded
	Executable   Rule = "executable"        // a program, or a script that a server or a desktop runs
	Active       Rule = "active"            // HTML, which a browser runs on the origin that serves it
	Script       Rule = "script"            // a script in SVG or XML, markup or PHP in an image
	Entity       Rule = "xml-entity"        // XML that declares entities
	External     Rule = "external-resource" // SVG that loads from elsewhere, documents with outside templates
	MarkupSize   Rule = "markup-size"       // SVG or XML that is too long to be looked through
	Malformed    Rule = "malformed"         // not to be read as what it says that it is, or read differently by different programs
	Polyglot     Rule = "polyglot"          // also a file of another type
	Trailing     Rule = "trailing"          // bytes after the end of an image that are no file of another type (reported)

	ImageSize   Rule = "image-size"   // too many pixels, or a side too long
	ImageFrames Rule = "image-frames" // too many frames, pages, or pixels of all of them

	ArchiveBroken    Rule = "archive-malformed" // not to be unpacked, or unpacked differently by different programs
	ArchiveKind      Rule = "archive-kind"      // of a format that can't be looked into
	ArchiveDepth     Rule = "archive-depth"     // archives within archives
	ArchiveCount     Rule = "archive-count"     // too many entries
	ArchiveSize      Rule = "archive-size"      // unpacks to too many bytes
	ArchiveRatio     Rule = "archive-ratio"     // unpacks to too many times its size
	ArchivePath      Rule = "archive-path"      // an entry's name leads out of the folder
	ArchiveLink      Rule = "archive-link"      // links, devices
	ArchiveEncrypted Rule = "archive-encrypted" // entries that nobody can look into

	Macro     Rule = "macro"              // a document with macros (reported)
	Embedded  Rule = "embedded-file"      // a document with files or programs within (reported)
	PDFScript Rule = "pdf-script"         // a PDF with JavaScript (reported)
	PDFAction Rule = "pdf-action"         // a PDF that starts programs, sends forms or acts when it is opened (reported)
	Encrypted Rule = "document-encrypted" // a document that nobody can look into (reported)
)

// Rules is all of them.
func Rules() []Rule {
	return []Rule{Name, NameType, DeclaredType, TypeDenied, Executable, Active, Script, Entity, External, MarkupSize, Malformed, Polyglot, Trailing, ImageSize, ImageFrames,
		ArchiveBroken, ArchiveKind, ArchiveDepth, ArchiveCount, ArchiveSize, ArchiveRatio, ArchivePath, ArchiveLink, ArchiveEncrypted, Macro, Embedded, PDFScript, PDFAction, Encrypted}
}

// Refuses tells whether a file with such a finding is refused where nobody has said otherwise; else it is reported.
func (r Rule) Refuses() bool {
	switch r {
	case Trailing, Macro, Embedded, PDFScript, PDFAction, Encrypted:
		return false
	}
	return true
}

// RefusesInside is the same of a finding within an archive or a document: what matters only to a browser that is sent the file is reported.
func (r Rule) RefusesInside() bool {
	switch r {
	case Name, NameType, Active, Script, Entity, External, MarkupSize, Malformed, ImageSize, ImageFrames:
		return false
	}
	return r.Refuses()
}

// Finding is one thing that is wrong with a file. Its texts hold nothing of the file.
type Finding struct {
	Rule   Rule
	Detail string // for people, one of few texts
	Inside bool   // of a file within an archive or a document
}

// Refuses is that of its rule.
func (f Finding) Refuses() bool {
	if f.Inside {
		return f.Rule.RefusesInside()
	}
	return f.Rule.Refuses()
}

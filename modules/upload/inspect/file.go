package inspect

import (
	"errors"
	"io"
)

// file looks at one file, at a depth of 0 the upload itself.
func (t *task) file(f File, depth int) (string, error) {
	if err := t.ctx.Err(); err != nil {
		return "", err
	}
	head := make([]byte, min(headSize, f.Size))
	if err := readAt(f.Content, head, 0); err != nil {
		return "", err
	}
	kind, dir, err := t.kind(f, head, depth)
	if err != nil {
		return "", err
	}
	t.types(f, kind, depth)
	if err := t.inside(f, kind, dir, depth); err != nil {
		return kind, err
	}
	return kind, t.polyglot(f, kind, head, depth)
}

// readAt fills b, or fails.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == nil {
		err = io.ErrUnexpectedEOF // the size was told before
	}
	return err
}

// kind tells the type, also by what lies beyond the head: the directory of a zip, the first element of a text.
func (t *task) kind(f File, head []byte, depth int) (kind string, dir *directory, err error) {
	kind = detect(head)
	if kind == typeZip || zipped(kind) {
		if dir, err = t.zipDirectory(f); err == nil {
			var both bool
			if kind, both, err = t.zipKind(f, dir); both {
				t.find(Polyglot, depth, "the file is two documents, or a document and a program")
			}
		}
		if errors.Is(err, errMalformed) || errors.Is(err, errShort) {
			t.find(ArchiveBroken, depth, "an archive that is malformed, or that programs read differently")
			return typeZip, nil, nil
		}
		return kind, dir, err
	}
	if !textual(kind) && kind != typeText {
		return kind, nil, nil
	}
	root, err := t.root(f, head)
	switch {
	case err != nil:
		return "", nil, err
	case root == "svg":
		kind = typeSVG
	case root == "html":
		if kind != typeXHTML {
			kind = typeHTML
		}
	case kind != typeHTML && !sniffsAsHTML(head):
	case beginsPage(head) || !prose(f.Name):
		kind = typeHTML
	default:
		kind = typeText
	}
	return kind, nil, nil
}

// inside looks into a file of a kind.
func (t *task) inside(f File, kind string, dir *directory, depth int) error {
	switch {
	case dir != nil || kind == typeTar || kind == typeGzip || kind == typeBzip2 || kind == typeZstd:
		return t.archive(f, kind, dir, depth)
	case markup(kind):
		return t.xml(f, kind, depth)
	case raster(kind):
		return t.picture(f, kind, depth)
	case kind == typePDF:
		return t.pdf(f, depth)
	case ole(kind):
		return t.oleDocument(f, depth)
	case kind == typeRTF:
		return t.rtf(f, depth)
	}
	return nil
}

// types holds the type against what was said of it, and against what may be uploaded.
func (t *task) types(f File, kind string, depth int) {
	t.name(f.Name, depth)
	if executable(kind) {
		t.find(Executable, depth, "the file is a program")
	}
	if opaque(kind) && !names(t.limits.Opaque, kind) {
		t.find(ArchiveKind, depth, "an archive of a kind that can't be looked into")
	}
	if kind == typeHTML || kind == typeXHTML {
		t.find(Active, depth, "the file is a page that browsers run")
	}
	if (depth == 0 || risky(kind)) && !agreesWithName(f.Name, kind) {
		t.find(NameType, depth, "the name's extension is of another type than the content")
	}
	if depth > 0 {
		return // nobody declares them, and the list is of uploads
	}
	if !agree(f.Declared, kind) {
		t.find(DeclaredType, depth, "the declared type is another than the content's")
	}
	if len(t.limits.Types) > 0 && !names(t.limits.Types, kind) {
		t.find(TypeDenied, depth, "the type is not one that may be uploaded")
	}
}

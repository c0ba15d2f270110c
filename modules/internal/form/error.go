package form

// Rule says what was wrong with a form, in one of these words.
type Rule string

// Rules.
const (
	ContentType Rule = "content-type" // the header Content-Type: not one, not multipart/form-data, unknown parameters
	Boundary    Rule = "boundary"     // missing, doubled, too long, or of bytes that parsers disagree on
	Preamble    Rule = "preamble"     // text before the first delimiter
	Delimiter   Rule = "delimiter"    // a delimiter that only some parsers take for one
	Epilogue    Rule = "epilogue"     // text after the last delimiter
	Truncated   Rule = "truncated"    // the body ends before its last delimiter
	Header      Rule = "header"       // a part's header: its syntax, doubled, or one that changes how the part is read
	HeaderSize  Rule = "header-size"  // a part's header is too long
	Disposition Rule = "disposition"  // Content-Disposition: not one, not form-data, unknown parameters
	Name        Rule = "name"         // the field's name: missing, too long, not UTF-8, escaped
	Filename    Rule = "filename"     // the file's name: the same, or two that differ
	Charset     Rule = "charset"      // a field in another character set than UTF-8
	Encoding    Rule = "encoding"     // base64 or quoted-printable, which few parsers decode
	Nested      Rule = "nested"       // multipart within multipart
	Length      Rule = "length"       // a part's own Content-Length is not its length
	Parts       Rule = "parts"        // more parts than may be
)

// Error is a form that is refused. Its text holds nothing of the form.
type Error struct {
	Rule Rule
	what string
}

// Error implements error.
func (e *Error) Error() string { return "multipart form: " + e.what }

func refuse(rule Rule, what string) error { return &Error{rule, what} }

package inspect

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	maxElements = 256    // within each other
	maxEquals   = 20_000 // signs between two tags: each attribute costs memory
	spaceSVG    = "http://www.w3.org/2000/svg"
	spaceXHTML  = "http://www.w3.org/1999/xhtml"
	spaceXLink  = "http://www.w3.org/1999/xlink"
	spaceXML    = "http://www.w3.org/XML/1998/namespace"
	typeRTF     = "text/rtf"
)

// markup tells the XML types, which browsers run scripts in.
func markup(kind string) bool {
	return kind == typeXML || kind == typeXHTML || strings.HasSuffix(kind, "+xml")
}

// decoded is the text in UTF-8, by its byte order mark.
func decoded(r io.Reader) io.Reader {
	return transform.NewReader(r, unicode.BOMOverride(transform.Nop))
}

// root is the first element's name, in lower case, of what may be XML; empty where there is none within the markup that is read.
func (t *task) root(f File, head []byte) (string, error) {
	if text, err := io.ReadAll(decoded(bytes.NewReader(head))); err == nil {
		if text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))); len(text) > 0 && text[0] != '<' {
			return "", nil
		}
	}
	d := t.decoder(f)
	for {
		tok, err := d.RawToken()
		if err != nil {
			if t.failed != nil {
				return "", t.failed
			}
			return "", nil
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return strings.ToLower(tok.Name.Local), nil
		case xml.CharData:
			if len(bytes.TrimSpace(bytes.TrimPrefix(tok, []byte("\ufeff")))) > 0 {
				return "", nil
			}
		}
	}
}

func (t *task) decoder(f File) *xml.Decoder {
	d := xml.NewDecoder(&equals{r: decoded(t.reader(f, 0, min(f.Size, t.limits.Markup)))})
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii": // the mark has been undone
			return r, nil
		case "iso-8859-1", "windows-1252":
			return charmap.Windows1252.NewDecoder().Reader(r), nil
		}
		return nil, errMalformed // an encoding in which markup hides
	}
	return d
}

// equals ends where one tag has too many attributes.
type equals struct {
	r io.Reader
	n int
}

// Read implements io.Reader.
func (e *equals) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	for _, c := range p[:n] {
		switch c {
		case '<':
			e.n = 0
		case '=':
			if e.n++; e.n > maxEquals {
				return 0, errMalformed
			}
		}
	}
	return n, err
}

// xml looks for what browsers run in SVG and XML, for entities, and for what is loaded from elsewhere.
func (t *task) xml(f File, kind string, depth int) error {
	if f.Size > t.limits.Markup {
		t.find(MarkupSize, depth, "markup that is longer than is read")
		return nil
	}
	w := &walker{t: t, depth: depth, svg: kind == typeSVG}
	d := t.decoder(f)
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = w.token(tok)
		}
		if err != nil {
			if err = t.broken(err); errors.Is(err, errMalformed) {
				t.find(Malformed, depth, "markup that is not well formed")
				return nil
			}
			return err
		}
	}
}

// walker goes through the elements of a document.
type walker struct {
	t     *task
	depth int // of the file
	svg   bool
	open  int
	style int // elements open in a style, that one included
}

func (w *walker) find(rule Rule, detail string) { w.t.find(rule, w.depth, detail) }

func (w *walker) token(tok xml.Token) error {
	switch tok := tok.(type) {
	case xml.StartElement:
		if w.open++; w.open > maxElements {
			return errMalformed
		}
		if w.style > 0 || strings.EqualFold(tok.Name.Local, "style") {
			w.style++
		}
		w.element(tok)
	case xml.EndElement:
		w.open--
		w.style = max(0, w.style-1)
	case xml.CharData:
		if w.style > 0 {
			w.css(string(tok))
		}
	case xml.ProcInst:
		switch target := strings.ToLower(tok.Target); {
		case strings.HasPrefix(target, "xml-stylesheet"):
			w.find(External, "markup with a style sheet from elsewhere")
		case strings.HasPrefix(target, "php"):
			w.find(Script, "markup with PHP")
		}
	case xml.Directive:
		if s := strings.ToUpper(string(tok)); strings.Contains(s, "[") || strings.Contains(s, "ENTITY") {
			w.find(Entity, "markup that declares entities")
		}
	}
	return nil
}

// runs are the elements that run, or load, what they hold or name.
var runs = words("script foreignobject iframe embed object applet handler listener meta base link form frame frameset input button textarea template portal")

func (w *walker) element(e xml.StartElement) {
	name := strings.ToLower(e.Name.Local)
	browsers := e.Name.Space == spaceSVG || e.Name.Space == spaceXHTML || w.svg && e.Name.Space == ""
	if !browsers {
		if w.svg && (name == "script" || name == "foreignobject" || name == "handler" || name == "iframe") {
			w.find(Script, "an SVG with a script")
		}
		return
	}
	if runs[name] {
		w.find(Script, "markup with a script, or with a page within")
	}
	for _, a := range e.Attr {
		w.attribute(name, a)
	}
}

func (w *walker) attribute(element string, a xml.Attr) {
	name, value := strings.ToLower(a.Name.Local), a.Value
	switch {
	case a.Name.Space != "" && a.Name.Space != spaceXLink && a.Name.Space != spaceXML && a.Name.Space != spaceXHTML:
		return // an editor's own, or the declaration of a namespace
	case strings.HasPrefix(name, "on") && len(name) > 2:
		w.find(Script, "markup with an event handler")
	case name == "attributename" && (strings.HasSuffix(strings.ToLower(value), "href") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "on")):
		w.find(Script, "markup whose animation sets a link or a handler")
	case name == "href", name == "src", name == "data", name == "action", name == "formaction", name == "poster", name == "srcset", name == "ping":
		w.address(element, value)
	case name == "base" && a.Name.Space == spaceXML:
		w.find(External, "markup whose links begin elsewhere")
	case name == "to", name == "from", name == "by", name == "values":
		if runsAddress(value) {
			w.find(Script, "markup whose animation sets a script")
		}
	case name == "style":
		w.css(value)
	default:
		if strings.Contains(strings.ToLower(value), "url(") {
			w.css(value)
		}
	}
}

// address of a link (which people follow) or of what is loaded.
func (w *walker) address(element, value string) {
	s := bare(value)
	switch {
	case runsAddress(value):
		w.find(Script, "markup with a script in an address")
	case s == "" || strings.HasPrefix(s, "#") || strings.HasPrefix(s, "data:") || element == "a":
	default:
		w.find(External, "markup that loads from elsewhere")
	}
}

// bare is an address without the characters that browsers leave out of it.
func bare(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s))
}

// runsAddress tells addresses that are scripts or pages themselves.
func runsAddress(value string) bool {
	s := bare(value)
	if strings.Contains(s, "javascript:") || strings.Contains(s, "vbscript:") {
		return true
	}
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return false
	}
	for _, safe := range []string{"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/avif", "image/bmp", "font/", "application/font", "application/x-font", "application/vnd.ms-fontobject"} {
		if strings.HasPrefix(rest, safe) {
			return false
		}
	}
	return true
}

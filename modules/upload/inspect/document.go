package inspect

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// ole tells the documents of Microsoft's older container.
func ole(kind string) bool {
	switch kind {
	case typeOLE, "application/x-ms-installer", "application/vnd.ms-outlook", "application/vnd.ms-excel", "application/vnd.ms-publisher", "application/vnd.ms-powerpoint", "application/msword":
		return true
	}
	return false
}

// oleMarks are names of streams in the container, which stand in it as they are.
var oleMarks = []struct {
	mark   []byte
	rule   Rule
	detail string
}{
	{wide16("_VBA_PROJECT"), Macro, "a document with macros"},
	{wide16("Ole10Native"), Embedded, "a document with files or programs within"},
	{wide16("EncryptedPackage"), Encrypted, "a document that is encrypted"},
}

// oleDocument looks for macros and files in an older office document.
func (t *task) oleDocument(f File, depth int) error {
	return scan(t.reader(f, 0, f.Size), 64, func(b []byte) {
		for _, m := range oleMarks {
			if bytes.Contains(b, m.mark) {
				t.find(m.rule, depth, m.detail)
			}
		}
	})
}

// rtf looks for files within, and templates from elsewhere. Control words may not be escaped.
func (t *task) rtf(f File, depth int) error {
	return scan(t.reader(f, 0, f.Size), 32, func(b []byte) {
		if bytes.Contains(b, []byte(`\objdata`)) || bytes.Contains(b, []byte(`\objemb`)) {
			t.find(Embedded, depth, "a document with files or programs within")
		}
		if bytes.Contains(b, []byte(`\*\template`)) || bytes.Contains(b, []byte(`\objautlink`)) {
			t.find(External, depth, "a document that loads from elsewhere")
		}
	})
}

// part looks at a part of an office document: its macros, what lies in it, and what it loads from elsewhere.
func (t *task) part(name string, r io.Reader, depth int) error {
	lower := strings.ToLower(name)
	switch {
	case strings.HasSuffix(lower, "vbaproject.bin"), strings.Contains(lower, "/macrosheets/"), strings.HasPrefix(lower, "basic/"), strings.HasPrefix(lower, "scripts/"):
		t.find(Macro, depth, "a document with macros")
	case strings.Contains(lower, "/activex/"), strings.Contains(lower, "/embeddings/"):
		t.find(Embedded, depth, "a document with files or programs within")
	}
	if strings.HasSuffix(lower, ".rels") {
		return t.relations(r, depth)
	}
	in := bufio.NewReaderSize(r, headSize)
	head, err := in.Peek(headSize)
	if err != nil && err != io.EOF {
		return err
	}
	if kind := detect(head); kind == typeText || markup(kind) && kind != typeSVG && kind != typeXHTML {
		return t.partText(in, depth)
	}
	return t.unpackedFile("", in, depth+1) // programs go by the type that the document says
}

// partText reads the text of a document's part, which declares no entities (ECMA-376, part 2, 7.1.4), and may say that another is a macro.
func (t *task) partText(r io.Reader, depth int) error {
	return scan(r, 64, func(b []byte) {
		if bytes.Contains(b, []byte("<!DOCTYPE")) || bytes.Contains(b, []byte("<!ENTITY")) || bytes.Contains(b, wide16("<!DOCTYPE")) || bytes.Contains(b, wide16("<!ENTITY")) {
			t.find(Entity, depth, "a document that declares entities")
		}
		if bytes.Contains(b, []byte("application/vnd.ms-office.vbaProject")) {
			t.find(Macro, depth, "a document with macros")
		}
		if bytes.Contains(b, []byte("DDEAUTO")) || bytes.Contains(b, []byte("<ddeLink")) {
			t.find(Macro, depth, "a document that starts programs")
		}
	})
}

// loads are the relations whose targets are loaded when a document is opened; links are followed by people.
var loads = []string{"/attachedTemplate", "/oleObject", "/frame", "/subDocument", "/image", "/audio", "/video"}

// relations reads the ones of a part to others, and to elsewhere.
func (t *task) relations(r io.Reader, depth int) error {
	d := xml.NewDecoder(&equals{r: decoded(io.LimitReader(r, t.limits.Markup))})
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if errors.Is(err, errEnough) || t.failed != nil {
				return err
			}
			return errMalformed
		}
		e, ok := tok.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" {
			continue
		}
		kind, outside := "", false
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "Type":
				kind = a.Value
			case "TargetMode":
				outside = strings.EqualFold(a.Value, "External")
			}
		}
		for _, l := range loads {
			if outside && strings.HasSuffix(kind, l) {
				t.find(External, depth, "a document that loads from elsewhere")
			}
		}
	}
}

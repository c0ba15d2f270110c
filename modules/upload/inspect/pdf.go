package inspect

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zlib"
)

// pdfNames are the keys that make a PDF act, long enough not to stand in compressed data by chance: so they count wherever they stand, and
// nothing hides them by what it pretends to be.
var pdfNames = map[string]struct {
	rule   Rule
	detail string
}{
	"JavaScript":    {PDFScript, "a PDF with JavaScript"},
	"Launch":        {PDFAction, "a PDF that starts programs"},
	"SubmitForm":    {PDFAction, "a PDF that sends forms"},
	"ImportData":    {PDFAction, "a PDF that loads data"},
	"RichMedia":     {PDFAction, "a PDF with players within"},
	"EmbeddedFile":  {Embedded, "a document with files or programs within"},
	"EmbeddedFiles": {Embedded, "a document with files or programs within"},
	"Encrypt":       {Encrypted, "a document that is encrypted"},
}

const (
	maxPDFName    = 127     // bytes of a name, ISO 32000-1, annex C
	maxDictionary = 4 << 10 // after its type, before the stream itself
)

// pdf looks for scripts and actions in a PDF, in its object streams too.
func (t *task) pdf(f File, depth int) error {
	p := &pdfScan{t: t, depth: depth, in: bufio.NewReaderSize(t.reader(f, 0, f.Size), 32<<10)}
	p.stream = func(at int64) error { return t.objects(f, at, depth) }
	return t.pdfEnd(p.run())
}

// pdfEnd tells errors of reading from those of the PDF.
func (t *task) pdfEnd(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, errMalformed) {
		return t.failed
	}
	return err
}

// objects looks at an object stream that begins at an offset.
func (t *task) objects(f File, at int64, depth int) error {
	z, err := zlib.NewReader(t.reader(f, at, f.Size-at))
	if err != nil {
		if t.failed == nil {
			t.find(Encrypted, depth, "a document with objects that can't be looked into")
		}
		return t.failed
	}
	defer func() { _ = z.Close() }() // it was only read
	p := &pdfScan{t: t, depth: depth, in: bufio.NewReaderSize(&compressed{t, z, depth, false}, 32<<10)}
	return t.pdfEnd(p.run())
}

// pdfScan reads a PDF's bytes for names, and for streams of objects.
type pdfScan struct {
	t      *task
	depth  int
	in     *bufio.Reader
	off    int64
	stream func(at int64) error // nil in a stream: they have none within
}

func (p *pdfScan) run() error {
	for {
		if _, err := p.in.Peek(1); err != nil {
			return err
		}
		b, _ := p.in.Peek(p.in.Buffered()) // which is there
		i := bytes.IndexByte(b, '/')
		if i < 0 {
			p.skip(len(b))
			continue
		}
		p.skip(i + 1)
		name, err := p.name()
		if err != nil {
			return err
		}
		if name == "ObjStm" && p.stream != nil {
			if err := p.objects(); err != nil {
				return err
			}
		}
	}
}

// skip goes on by bytes that are buffered.
func (p *pdfScan) skip(n int) {
	_, _ = p.in.Discard(n)
	p.off += int64(n)
}

// name reads one, whose letters may be written as #4a.
func (p *pdfScan) name() (string, error) {
	b, err := p.in.Peek(3 * maxPDFName)
	if err != nil && err != io.EOF {
		return "", err
	}
	if i := bytes.IndexAny(b, "\x00\t\n\f\r ()<>[]{}/%"); i >= 0 {
		b = b[:i]
	}
	name := unescapeName(b)
	p.skip(len(b))
	if found, ok := pdfNames[name]; ok {
		p.t.find(found.rule, p.depth, found.detail)
	}
	return name, nil
}

func unescapeName(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			if hi, lo := hex(raw[i+1]), hex(raw[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, raw[i])
	}
	return string(out)
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// objects looks at the stream whose dictionary has just named it one of objects.
func (p *pdfScan) objects() error {
	b, err := p.in.Peek(maxDictionary)
	if err != nil && err != io.EOF {
		return err
	}
	i := bytes.Index(b, []byte("stream"))
	if i < 0 {
		return nil
	}
	i += len("stream")
	switch rest := b[i:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		i += 2
	case bytes.HasPrefix(rest, []byte("\r")), bytes.HasPrefix(rest, []byte("\n")):
		i++
	}
	return p.stream(p.off + int64(i))
}

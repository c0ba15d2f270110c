package ratelimit

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/convosphere/gateway/modules/internal/casefold"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// What is read of a body for keys of the kind json:. A larger body, or a longer member, counts as invalid.
const (
	maxDocument = 16 << 10
	maxValues   = 1 << 10
	maxMember   = 1 << 10
	readTime    = 5 * time.Second // that a client has to send it
)

// document is a body that was read for its members. What two back ends may read differently is invalid.
type document struct {
	root    *strictjson.Value // nil: there is none, or it was not looked at
	looked  bool
	invalid bool
}

// field is the value of a JSON member, as all who mean the same write it.
func (a *asked) field(p *part) (value string, ok bool) {
	if !a.body.looked {
		a.body = readDocument(a.w, a.r, readTime)
	}
	if a.body.root == nil || a.body.invalid {
		return "", false
	}
	return a.body.member(p.path)
}

// member marks the document as invalid where the member is not what a name could be.
func (d *document) member(path []string) (value string, ok bool) {
	v, err := d.root.At(path)
	switch {
	case err != nil:
		d.invalid = true
		return "", false
	case v == nil || v.Kind == strictjson.Null:
		return "", false
	}
	if value, ok = v.Scalar(); !ok || len(value) > maxMember {
		d.invalid = true
		return "", false
	}
	return fold(value), true
}

// fold makes spellings of a name equal that its reader may: blanks around it, compatibility forms, upper and lower case (as all of Unicode has it, and
// as Go does: İ is i).
func fold(name string) string {
	return strings.ToLower(casefold.Name(norm.NFKC.String(strings.TrimSpace(name))))
}

// readDocument reads the body of r, whatever type it claims, and puts in its place one that can be read from the beginning. Who does not send it in
// time is counted with those who send what can't be read.
func readDocument(w http.ResponseWriter, r *http.Request, patience time.Duration) document {
	d := document{looked: true}
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return d
	case r.ContentLength > maxDocument:
		d.invalid = true
		return d
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(patience)) // not every server can; then its own limits hold
	text, err := io.ReadAll(io.LimitReader(r.Body, maxDocument+1))
	_ = control.SetReadDeadline(time.Time{})
	r.Body = &again{bytes.NewReader(text), err, r.Body}
	if err != nil { // whoever needs the body meets the error too
		d.invalid = true
		return d
	}
	return parseDocument(text)
}

func parseDocument(text []byte) document {
	d := document{looked: true}
	if len(text) == 0 {
		return d
	}
	root, err := strictjson.ParseAtMost(text, maxValues)
	if err != nil || len(text) > maxDocument {
		d.invalid = true
		return d
	}
	d.root = root
	return d
}

// again is a body that was read: what was read of it, then what that ended with, or the rest.
type again struct {
	read *bytes.Reader
	err  error
	rest io.ReadCloser
}

// Read implements io.Reader.
func (b *again) Read(p []byte) (int, error) {
	if b.read.Len() > 0 {
		return b.read.Read(p)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.rest.Read(p)
}

// Close implements io.Closer.
func (b *again) Close() error { return b.rest.Close() }

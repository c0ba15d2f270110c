package protect

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/convosphere/gateway/modules/protect/field"
	"github.com/convosphere/gateway/modules/protect/record"
	"github.com/convosphere/gateway/modules/protect/reframe"
)

// early is how much of a body is looked at before the back end gets any of it: most bodies are no longer.
const early = 64 << 10

// watch looks for tokens in a body that has nothing to encrypt, while it passes.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, c content) *fault {
	g := field.Guard{}
	switch c {
	case isJSON:
		g.Escapes = field.JSON
	case isForm:
		g.Escapes = field.Percent
	case isText:
	case isMultipart:
		return h.guardMultipart(r)
	default:
		if !mayBeText(r.Header) { // a file: what it holds is nobody's field
			return nil
		}
		g.Escapes = field.JSON
	}
	if r.ContentLength > 0 && r.ContentLength <= early {
		return watchWhole(w, r, c, &g)
	}
	replace(r, &watched{Reader: &guarded{r.Body, &g}, closer: r.Body}, r.ContentLength)
	return nil
}

// mayBeText tells whether back ends may look for fields in a body that is of no type in which the gateway does: it has none, or two, or another charset.
// (The guard passes over zeros, so it sees UTF-16, too.)
func mayBeText(h http.Header) bool {
	types := h["Content-Type"]
	if len(types) != 1 {
		return true
	}
	t, _, err := mime.ParseMediaType(types[0])
	return err != nil || strings.HasPrefix(t, "text/") || t == "application/x-www-form-urlencoded" || strings.Contains(t, "json") || strings.Contains(t, "xml")
}

// watchWhole looks at a short body, and can tell where a token stands in it.
func watchWhole(w http.ResponseWriter, r *http.Request, c content, g *field.Guard) *fault {
	text, f := receive(w, r, early)
	if f != nil {
		return f
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	if !g.Write(text) {
		return nil
	}
	if c == isJSON {
		return refusal(record.Sent(text))
	}
	return refusal(&record.Error{Err: record.ErrSent})
}

// guarded is a body that ends where a token is seen.
type guarded struct {
	io.Reader
	g *field.Guard
}

// Read implements io.Reader.
func (b *guarded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.g.Write(p[:n]) {
		return 0, &record.Error{Err: record.ErrSent}
	}
	return n, err
}

// watched is a body that remembers why it ended: the proxy reads it, and answers in its own way.
type watched struct {
	io.Reader
	closer io.Closer

	mu    sync.Mutex // the proxy may still read while its answer is there
	fault error
}

// Read implements io.Reader.
func (b *watched) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.fault = err
	}
	return n, err
}

// why is what it ended with before its end; nil where it did not.
func (b *watched) why() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fault
}

// Close implements io.Closer.
func (b *watched) Close() error { return b.closer.Close() }

// blame is what a body is refused for that was found wrong while the back end read it.
func blame(body io.Reader) *fault {
	if f, ok := body.(*watchedFile); ok {
		return f.blame()
	}
	b, ok := body.(*watched)
	if !ok {
		return nil
	}
	why := b.why()
	if why == nil {
		return nil
	}
	var form *reframe.Error
	var doc *record.Error
	switch {
	case errors.As(why, &doc):
		return refusal(doc)
	case errors.As(why, &form):
		return &fault{http.StatusBadRequest, wordInvalid, form}
	}
	return &fault{readStatus(why), wordInvalid, errRead}
}

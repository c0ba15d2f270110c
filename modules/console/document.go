package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/view"
)

// A document is shown by itself: its styles stand in it, it runs nothing, loads nothing and sends nothing.
const documentCSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"

const mostDocument = 32 << 20 // bytes

// document answers with a file that is made of an item.
func (c *call) document() {
	if !c.permitted(c.view.Permission) {
		return
	}
	id := c.r.URL.Query().Get(paramID)
	if id == "" || len(id) > mostID {
		c.gone()
		return
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), actTime)
	defer cancel()
	b := &short{}
	err := c.doc.Make(ctx, id, b)
	switch {
	case errors.Is(err, view.ErrNotFound), errors.Is(err, view.ErrMalformed):
		c.gone()
		return
	case err != nil:
		c.notice(http.StatusServiceUnavailable, c.doc.Title, c.failure(err, whatDocument))
		return
	}
	c.tell(event.Success, id, "")
	how := "inline"
	if c.r.URL.Query().Has(paramKeep) {
		how = "attachment"
	}
	head := c.w.Header()
	head.Set("Content-Type", c.doc.Kind)
	if strings.HasPrefix(c.doc.Kind, "text/") && !strings.Contains(c.doc.Kind, "charset") {
		head.Set("Content-Type", c.doc.Kind+"; charset=utf-8")
	}
	head.Set("Content-Security-Policy", documentCSP)
	head.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": c.doc.File(id)}))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(b.Bytes()) // the client has gone: nobody is left to tell
	}
}

// short is a buffer with a bound.
type short struct{ bytes.Buffer }

// Write implements io.Writer.
func (s *short) Write(p []byte) (int, error) {
	if s.Len()+len(p) > mostDocument {
		return 0, fmt.Errorf("a document has more than %d MiB", mostDocument>>20)
	}
	return s.Buffer.Write(p)
}

// docLink is a document of an item.
type docLink struct{ Title, Href, Keep string }

func (c *call) documents(id string) []docLink {
	var out []docLink
	for _, d := range c.view.Documents {
		at := c.h.Path + c.view.Name + "/" + whatDocument + "/" + d.Name + strings.TrimPrefix(view.At(c.view.Name, id), c.view.Name+"/"+whatItem)
		out = append(out, docLink{d.Title, at, at + "&" + paramKeep + "="})
	}
	return out
}

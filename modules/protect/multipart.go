package protect

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/protect/field"
	"github.com/convosphere/gateway/modules/protect/record"
	"github.com/convosphere/gateway/modules/protect/reframe"
)

// sealMultipart encrypts fields of a form while it passes. Of its files the names alone are looked at.
func (h *Handler) sealMultipart(r *http.Request, p *plan, env *record.Env) *fault {
	none := func(string) (string, bool) { return "", false } // what names the record must be known before the first field comes
	form := p.seal.NewForm(r.Context(), env, none)
	if form.Indexes() {
		return &fault{http.StatusUnsupportedMediaType, wordInvalid, errors.New("a form that streams can't have an index")}
	}
	return h.reframe(r, form, func(part *reframe.Part, dst io.Writer) (io.WriteCloser, error) {
		if part.IsFile { // which some servers take for a field, as Go does where it has no name
			if err := form.File(part.Name); err != nil {
				return nil, err
			}
			if part.File != "" {
				return nil, nil
			}
		}
		return reframe.NewValue(dst, int(h.MaxBody), func(b []byte) ([]byte, error) {
			v, err := form.Value(part.Name, string(b))
			if err == nil {
				sealed.Add(1)
			}
			return []byte(v), err
		}), nil
	})
}

// guardMultipart looks for tokens in a form that has nothing to encrypt.
func (h *Handler) guardMultipart(r *http.Request) *fault {
	return h.reframe(r, nil, func(part *reframe.Part, dst io.Writer) (io.WriteCloser, error) {
		if part.IsFile && part.File != "" {
			return nil, nil
		}
		return &guardedPart{dst: dst, name: part.Name}, nil
	})
}

// guardedPart passes the value of a form's field on, until a token is seen in it.
type guardedPart struct {
	dst   io.Writer
	name  string
	guard field.Guard
}

// Write implements io.Writer.
func (p *guardedPart) Write(b []byte) (int, error) {
	if p.guard.Write(b) {
		return 0, &record.Error{Pointer: "/" + p.name, Err: record.ErrSent}
	}
	return p.dst.Write(b)
}

// Close implements io.Closer.
func (*guardedPart) Close() error { return nil }

// reframe puts the changed form in the place of the request's. What is wrong with it is found while the back end reads it.
func (h *Handler) reframe(r *http.Request, form *record.Form, treat reframe.Treat) *fault {
	f, err := reframe.New(r.Body, r.Header.Get("Content-Type"), func(part *reframe.Part, dst io.Writer) (io.WriteCloser, error) {
		if field.IsToken(part.Name) || field.IsToken(part.File) || field.IsToken(part.Type) {
			return nil, &record.Error{Err: record.ErrSent}
		}
		return treat(part, dst)
	})
	if err != nil {
		return &fault{http.StatusBadRequest, wordInvalid, err}
	}
	var body io.Reader = f
	if form != nil {
		if m, ok := form.Minted(); ok {
			_, boundary, _ := strings.Cut(f.ContentType(), "boundary=")
			body = io.MultiReader(strings.NewReader(fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, m.Name, m.Value)), f)
		}
	}
	r.Header.Set("Content-Type", f.ContentType())
	replace(r, &watched{Reader: body, closer: r.Body}, -1)
	return nil
}

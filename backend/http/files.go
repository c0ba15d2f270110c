package http

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/convosphere/gateway/backend"
)

const (
	maxUpload = backend.MaxStored + 64<<10 // the file and what multipart puts around it
	idHeader  = "X-Record-Id"              // what the gateway calls the file, in whose name it is encrypted; no client's own comes through it
)

// createFile takes multipart/form-data with one field, file. It is streamed to the disk.
func (s *Server) createFile(w http.ResponseWriter, r *http.Request) error {
	by, err := user(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return &problem{http.StatusUnsupportedMediaType, "unsupported-media-type", "The body must be multipart/form-data"}
	}
	part, err := parts.NextPart()
	if err != nil {
		return uploadError(err)
	}
	if part.FormName() != "file" || part.FileName() == "" {
		return errUpload
	}
	f, err := backend.NewFile(r.Header.Get(idHeader), r.PathValue("room"), by, part.FileName(), part.Header.Get("Content-Type"), s.now())
	if err != nil {
		return err
	}
	if err := s.store.CreateFile(r.Context(), f, &lastPart{part, parts}); err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, f)
}

var (
	errUpload = &backend.Error{Code: backend.Invalid, Title: "The form must have one field, file, with a file in it"}
	errForm   = &problem{http.StatusBadRequest, "bad-request", "The form is broken"}
)

// lastPart reads a part that must be the form's last: its end comes only once nothing follows, so a file is stored only
// from a form that is whole.
type lastPart struct {
	*multipart.Part
	form *multipart.Reader
}

func (p *lastPart) Read(b []byte) (int, error) {
	n, err := p.Part.Read(b)
	if err == io.EOF {
		if _, err = p.form.NextPart(); err == nil {
			return n, errUpload
		}
	}
	if err != nil && err != io.EOF {
		err = uploadError(err)
	}
	return n, err
}

// uploadError is the reader's fault, of whatever kind, unless it read too much.
func uploadError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	return errForm
}

// getFile sends the bytes as a download: whatever they are, a browser must not run them as a page of this site.
func (s *Server) getFile(w http.ResponseWriter, r *http.Request) error {
	f, body, err := s.store.File(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-cache") // kept by the browser, but asked for again: the reader's rights may have changed
	h.Set("Etag", fmt.Sprintf("%q", f.ID))
	http.ServeContent(w, r, "", f.At, body)
	return nil
}

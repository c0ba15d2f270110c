package protect

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/protect/body"
	"github.com/convosphere/gateway/modules/protect/record"
	"github.com/convosphere/gateway/modules/protect/reframe"
	"github.com/convosphere/gateway/modules/protect/stream"
)

// sealFile puts the encrypted file in the place of the one that a request brings. out is the handler's own copy.
func (h *Handler) sealFile(out *http.Request, f *file, vars record.Vars) *fault {
	id, err := h.idOf(f, vars)
	var name string
	if err == nil {
		name, err = f.keySet.Of(vars)
	}
	if err != nil {
		return refusal(&record.Error{Err: errors.Join(record.ErrUnnamed, err)})
	}
	set, err := h.setOf(out.Context(), name)
	if err != nil {
		return refusal(&record.Error{Err: errors.Join(record.ErrKeys, err)})
	}
	version, key, err := set.StreamKey(fileField)
	if err != nil {
		return refusal(&record.Error{Err: errors.Join(record.ErrKeys, err)})
	}
	in := f.place(id)
	in.Tenant = set.Name()
	up, err := body.Seal(out, body.Sealing{Parts: f.parts, New: func(dst io.Writer) (io.WriteCloser, error) {
		return stream.NewSealer(dst, stream.Head{Set: set.ID(), Version: version}, key, in)
	}})
	if err != nil {
		return fileFault(err)
	}
	if f.mint != "" {
		out.Header[f.mint] = []string{id}
	}
	filesSealed.Inc()
	out.Body = &watchedFile{up}
	return nil
}

// idOf is the file's id: that of the path, or a new one.
func (h *Handler) idOf(f *file, vars record.Vars) (string, error) {
	if f.id == nil {
		return h.minter.next(), nil
	}
	return f.id.Of(vars)
}

func (h *Handler) setOf(ctx context.Context, name string) (*keyset.Set, error) {
	if h.sets == nil {
		return nil, errNoKeys
	}
	return h.sets.Use(ctx, name)
}

// watchedFile is a request's file, which remembers why it ended.
type watchedFile struct{ *body.Upload }

// blame is what the request is refused for, after the back end could not be asked.
func (w *watchedFile) blame() *fault {
	err := w.Fault()
	if err == nil {
		return nil
	}
	return fileFault(err)
}

// fileFault says how a request is answered whose file does not pass.
func fileFault(err error) *fault {
	var form *reframe.Error
	switch {
	case errors.Is(err, body.ErrSent), errors.Is(err, stream.ErrSealed):
		return refusal(&record.Error{Err: record.ErrSent})
	case errors.Is(err, body.ErrEncoded):
		return &fault{http.StatusUnsupportedMediaType, wordInvalid, err}
	case errors.Is(err, body.ErrManyFile):
		return &fault{http.StatusUnprocessableEntity, wordInvalid, err}
	case errors.As(err, &form):
		return &fault{http.StatusBadRequest, wordInvalid, form}
	}
	return &fault{readStatus(err), wordInvalid, errRead}
}

// openFile asks the back end for a file, and decrypts it while it passes, for whom the policy allows.
func (h *Handler) openFile(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, p *plan, vars record.Vars, next caddyhttp.Handler) error {
	f := p.file
	if why := ready(rc, p); why != nil {
		h.refuse(w, r, rc, p.name, why)
		return nil
	}
	out := r.WithContext(r.Context())
	out.Header = r.Header.Clone()
	a := body.NewAnswer(w, out, body.Opening{Find: h.find(out.Context(), f, vars), Plain: h.Plain == PlainPass})
	failed, err := a.Serve(func(w http.ResponseWriter) error { return next.ServeHTTP(w, out) }, func(err error) {
		h.lost(r, rc, f, unopened(err))
		answersEnded.Inc()
	})
	if !failed {
		if err == nil {
			filesOpened.Inc()
		}
		return err
	}
	why := unopened(err)
	h.lost(r, rc, f, why)
	answersWithheld.Inc()
	answer := problem.Problem{Status: why.status}
	if why.status == http.StatusServiceUnavailable {
		answer.RetryAfter = retryAfter
	}
	problem.Write(w, r, answer)
	return nil
}

// find gives the key of a file, and the place that it must belong to.
func (h *Handler) find(ctx context.Context, f *file, vars record.Vars) stream.Find {
	return func(head stream.Head) (key []byte, in stream.Place, err error) {
		if h.sets == nil {
			return nil, in, errNoKeys
		}
		set, err := h.sets.ByID(ctx, head.Set)
		if err != nil {
			return nil, in, err
		}
		id, err := f.id.Of(vars)
		if err != nil {
			return nil, in, err
		}
		if f.keySet != nil {
			if name, err := f.keySet.Of(vars); err != nil || name != set.Name() {
				return nil, in, errors.Join(stream.ErrBroken, err)
			}
		}
		if key, err = set.StreamKeyOf(fileField, head.Version); err != nil {
			return nil, in, err
		}
		in = f.place(id)
		in.Tenant = set.Name()
		return key, in, nil
	}
}

// unopened says how the answer is replaced whose file can't be opened.
func unopened(err error) *fault {
	switch {
	case erased(err):
		return &fault{http.StatusGone, wordErased, err}
	case absent(err):
		return &fault{http.StatusServiceUnavailable, wordUnavailable, err}
	case errors.Is(err, stream.ErrPlain):
		return &fault{http.StatusBadGateway, wordPlain, err}
	case errors.Is(err, body.ErrAnswer):
		return &fault{http.StatusBadGateway, wordAnswer, err}
	}
	return &fault{http.StatusBadGateway, wordForged, err}
}

// lost tells of a file that could not be decrypted.
func (h *Handler) lost(r *http.Request, rc *reqctx.Request, f *file, why *fault) {
	h.logger.Error("a file of the back end was withheld, or ended early", zap.String("route", f.name), zap.Error(why))
	h.tell(r, rc, f.name, "protect-answer-withheld", why)
}

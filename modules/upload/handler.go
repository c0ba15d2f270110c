package upload

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/upload/inspect"
	"github.com/convosphere/gateway/modules/upload/spool"
)

// ServeHTTP looks at an upload, then passes it on whole, or answers it. What is no upload passes at once.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	if h.Mode == Off {
		return next.ServeHTTP(w, r)
	}
	rules := h.of(r)
	if rules.off {
		return next.ServeHTTP(w, r)
	}
	if h.Sockets != Off && wsframe.IsHandshake(r) {
		w, r = h.watch(w, r, rules)
		return next.ServeHTTP(w, r)
	}
	k, wrong := kindOf(r, rules.raw)
	if k == message || k == none {
		return next.ServeHTTP(w, r)
	}
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.Upload, next)
	defer rc.Cost.End()
	x := &exchange{h: h, rules: rules, w: w, r: r, rc: rc, kind: k}
	defer h.ground.Hold()()
	defer x.end()
	if !x.admit(wrong) {
		return nil
	}
	return next.ServeHTTP(w, r)
}

// of gives the rules of a request's route. Where it can't be told for sure which route the back end sees, everything is looked at.
func (h *Handler) of(r *http.Request) *rule {
	if len(h.Routes) == 0 {
		return h.rules
	}
	segs, err := route.Segments(r.URL)
	if err == nil {
		var found *rule
		if found, err = h.router.Find(r.Method, segs); err == nil && found != nil {
			return found
		}
	}
	if err != nil {
		strict := *h.rules
		strict.raw = true
		return &strict
	}
	return h.rules
}

// exchange is one request with an upload.
type exchange struct {
	h     *Handler
	rules *rule
	w     http.ResponseWriter
	r     *http.Request
	rc    *reqctx.Request
	kind  kind

	file    *spool.File     // the body; nil: it was not received
	cut     bool            // the body was not read to its end
	patches []inspect.Patch // what is taken out of it before it passes
}

func (x *exchange) end() {
	if x.file != nil {
		_ = x.file.Close() // it has no name: nothing is left, whatever the disk says
		spooled.Set(float64(x.h.spool.Used()))
	}
}

// admit tells whether the request may pass on. Where not, it is answered.
func (x *exchange) admit(wrong string) bool {
	block := x.h.Mode == Block
	v, number := finding{}, 0
	var err error
	switch {
	case wrong != "" && x.rules.refuses(wrong):
		v, x.cut = whole(x.rules.Rules, wrong), true
	case x.r.ContentLength > x.rules.MaxSize:
		v, x.cut = whole(x.rules.Rules, tooLarge), true
	default:
		v, number, err = x.look()
	}
	result := passed
	switch {
	case errors.Is(err, errGone):
		result = failed
		err = nil
		if block {
			x.answer(http.StatusBadRequest, finding{}, 0)
		}
	case err != nil:
		result = failed
		x.h.failed(err, "looking at an upload", x.rc)
		if block {
			x.answer(statusOf(err), finding{}, 0) // fail closed
		}
	case v.refuses && block:
		result = refused
		x.refuse(v, number)
	case len(v.rules) > 0:
		result = reported
		x.h.tell(x.r, x.rc, "upload-reported", v, "", x.size())
	}
	uploads.WithLabelValues(kindNames[x.kind], result).Inc()
	for _, f := range v.rules {
		found.WithLabelValues(f).Inc()
	}
	if block && (result == refused || result == failed) {
		return false
	}
	x.pass()
	return true
}

// look receives the body and judges what is in it. number says which file a finding is of, from 1 on; 0 is the whole body.
func (x *exchange) look() (v finding, number int, err error) {
	if err := x.receive(); err != nil {
		if errors.Is(err, errTooLong) {
			return whole(x.rules.Rules, tooLarge), 0, nil
		}
		return v, 0, err
	}
	seat, err := looks().Enter(x.r.Context(), x.rc.Caller(x.r), 1, lookPatience)
	if err != nil {
		if x.r.Context().Err() != nil {
			err = errGone
		}
		return v, 0, err
	}
	defer seat.Leave()
	if x.kind == form {
		v, number, err = x.lookAtForm()
	} else {
		v, err = x.one(file{declared: said(x.r), content: x.file, size: x.file.Size()})
		number = 1
	}
	if err != nil && x.r.Context().Err() != nil {
		err = errGone
	}
	return v, number, err
}

// one judges one file. What is refused is put into quarantine by refuse, which needs its name and place.
func (x *exchange) one(f file) (finding, error) {
	f.client = x.rc.Caller(x.r)
	v, err := x.h.judge(x.r.Context(), x.rules, f)
	if err == nil && v.refuses {
		v.file = &f
	}
	x.patches = append(x.patches, v.patches...)
	return v, err
}

// failed logs what is wrong with the gateway, or what it has no room for at the moment.
func (h *Handler) failed(err error, what string, rc *reqctx.Request) {
	log := h.logger.Error
	if noRoom(err) || errors.Is(err, errSlow) {
		log = h.logger.Warn
	}
	log(what, zap.Error(err), zap.String("request_id", rc.ID))
}

func (x *exchange) size() int64 {
	if x.file == nil {
		return max(x.r.ContentLength, 0)
	}
	return x.file.Size()
}

// refuse answers with what was found, tells operators, and keeps the file where it is to be kept.
func (x *exchange) refuse(v finding, number int) {
	id, size := "", x.size()
	if f := v.file; f != nil {
		size = f.size
		id = x.h.keep(x.r.Context(), x.rc, v, f.name, f.content, f.size)
	}
	if v.signature != "" {
		x.h.attacked(x.rc)
	}
	x.h.tell(x.r, x.rc, "upload-refused", v, id, size)
	x.answer(refusal(v), v, number)
}

// attacked notes who sent what a scanner knows.
func (h *Handler) attacked(rc *reqctx.Request) {
	if h.ground == nil {
		return
	}
	user := ""
	if rc.Identity != nil {
		user = rc.Identity.Subject
	}
	h.ground.Abuse.NoteClient(rc.Client, user, abuse.Attack)
}

// pass puts the body that was received in the place of the one that was read, with its length. Trailers that came with it end here.
func (x *exchange) pass() {
	if x.file == nil {
		return // nothing was read
	}
	size := x.file.Size()
	b := &body{Reader: io.NewSectionReader(inspect.Patched(x.file, x.patches), 0, size), from: x.r.Body}
	if len(x.patches) > 0 {
		for _, name := range digests {
			x.r.Header.Del(name) // of a body that does not pass
		}
	}
	if x.cut { // in mode report
		b.Reader = io.MultiReader(b.Reader, x.r.Body)
		x.r.Body = b
		return
	}
	x.r.Body, x.r.ContentLength, x.r.TransferEncoding, x.r.Trailer = b, size, nil, nil
	x.r.Header.Set("Content-Length", strconv.FormatInt(size, 10))
	x.r.Header.Del("Trailer")
}

// digests are the headers that say what the bytes of a body are.
var digests = []string{"Content-Digest", "Repr-Digest", "Digest", "Content-Md5"}

// body is what the next handlers read.
type body struct {
	io.Reader
	from io.Closer
}

// Close implements io.Closer.
func (b *body) Close() error { return b.from.Close() }

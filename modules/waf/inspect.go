package waf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// exchange is the inspection of one request, and what came of it.
type exchange struct {
	h      *Handler
	tx     types.Transaction
	status int     // of the answer, 0: pass it on
	label  string  // of the metric
	err    error   // with label failed
	cut    bool    // the body was not read to its end
	body   *replay // what the next handler reads, nil: the request's own
	ended  bool
}

func (x *exchange) fail(err error) {
	x.status, x.label, x.err = http.StatusServiceUnavailable, failed, err
}

// end closes the transaction, once.
func (x *exchange) end() {
	if x.body != nil {
		x.body.stop() // which calls close, unless the reader did so already
		return
	}
	x.close()
}

func (x *exchange) close() {
	if x.ended {
		return
	}
	x.ended = true
	if err := x.h.rules.end(x.tx); err != nil {
		x.h.logger.Error("closing a transaction: " + err.Error())
	}
}

// inspect runs the rules of the phases 1, 2 and 5 over the request and records the verdict.
func (h *Handler) inspect(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (x *exchange) {
	x = &exchange{h: h, label: passed}
	x.tx = h.rules.begin(experimental.Options{ID: rc.ID, Context: r.Context()})
	defer func() {
		if p := recover(); p != nil {
			// Fail closed: a rule that panics has not said that the request is clean.
			x.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	state, ok := x.tx.(plugintypes.TransactionState)
	if !ok {
		x.fail(errors.New("coraza's transaction shows no variables"))
		return x
	}
	start := time.Now()
	stop := h.head(x.tx, r, rc)
	if stop == nil && hasBody(r) {
		var waited time.Duration
		if waited, ok = x.receive(w, r, state); !ok {
			return x
		}
		start = start.Add(waited)
	}
	if stop == nil {
		var err error
		if stop, err = x.tx.ProcessRequestBody(); err != nil {
			// Fail closed: the body was not inspected.
			x.fail(err)
			return x
		}
	}
	x.tx.ProcessLogging()
	inspection.Observe(time.Since(start).Seconds())
	x.judge(stop, state, rc)
	return x
}

// head tells the transaction of the connection, the request line and the headers, and runs phase 1.
func (h *Handler) head(tx types.Transaction, r *http.Request, rc *reqctx.Request) *types.Interruption {
	peer, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	if rc.Client.IP.IsValid() {
		peer = rc.Client.IP.String()
	}
	n, _ := strconv.Atoi(port) // no port: 0
	tx.ProcessConnection(peer, n, "", 0)
	uri := r.RequestURI // as the client escaped it
	if uri == "" {
		uri = r.URL.RequestURI()
	}
	tx.ProcessURI(uri, r.Method, r.Proto)
	for name, values := range r.Header {
		for _, v := range values {
			tx.AddRequestHeader(name, v)
		}
	}
	// net/http takes these out of the headers.
	if r.Host != "" {
		tx.AddRequestHeader("Host", r.Host)
		tx.SetServerName(r.Host)
	}
	for _, v := range r.TransferEncoding {
		tx.AddRequestHeader("Transfer-Encoding", v)
	}
	if r.ContentLength >= 0 && r.Header.Get("Content-Length") == "" && hasBody(r) {
		tx.AddRequestHeader("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	return tx.ProcessRequestHeaders()
}

// hasBody: the stream of a CONNECT is a tunnel, not a body.
func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 && r.Method != http.MethodConnect
}

// receive reads the body into the transaction and puts the replay in its place. It returns how long the client took, and
// whether the inspection goes on.
func (x *exchange) receive(w http.ResponseWriter, r *http.Request, state plugintypes.TransactionState) (time.Duration, bool) {
	limits := x.h.limits(r)
	if r.ContentLength > limits.bytes && x.h.Mode == Block {
		x.cut = true
		x.status, x.label = statusOf(errTooLong)
		return 0, false
	}
	start := time.Now()
	wait, done := x.h.patience(w)
	n, first, extra, err := receive(x.tx, r.Body, limits, wait)
	done()
	waited := time.Since(start)
	rest := io.ReadCloser(r.Body)
	if errors.Is(err, errTooLong) && x.h.Mode == Detect {
		// Fail open, as mode detect does: what is over the limit passes uninspected.
		rest, err = prefixed{io.MultiReader(bytes.NewReader(extra), r.Body), r.Body}, nil
	}
	if err != nil {
		x.cut = true
		x.status, x.label = statusOf(err)
		if x.label == failed {
			x.err = err
		}
		return waited, false
	}
	buffered, err := x.tx.RequestBodyReader()
	if err != nil {
		x.fail(err)
		return waited, false
	}
	x.body = &replay{buffered: buffered, rest: rest, more: extra != nil, end: x.close}
	// Trailers are known now. Rules of phase 2 see them as headers.
	for name, values := range r.Trailer {
		for _, v := range values {
			x.tx.AddRequestHeader(name, v)
		}
	}
	if n > 0 && (first == '{' || first == '[') && state.Variables().RequestBodyProcessor().Get() != "JSON" {
		if err := x.undeclared(); err != nil {
			x.status, x.label = statusOf(err)
			x.err = err
			return waited, false
		}
	}
	return waited, true
}

// undeclared adds the strings of a body that is JSON but does not say so. Back ends that ignore the media type would undo
// its escapes, in which an attack can hide from the processor that the media type chose. That one runs too.
func (x *exchange) undeclared() error {
	body, err := x.tx.RequestBodyReader()
	if err != nil {
		return errors.Join(errNoStorage, err)
	}
	for d, size := json.NewDecoder(body), 0; ; {
		token, err := d.Token()
		if err != nil {
			return nil // its end, or no JSON from here on
		}
		if s, ok := token.(string); ok {
			if size += len(s); int64(size) > x.h.BodyLimit {
				return errTooLong
			}
			x.tx.AddPostRequestArgument("json", s) // counts towards the limit of arguments, which is a 400
		}
	}
}

// prefixed puts bytes back before a body.
type prefixed struct {
	io.Reader
	io.Closer
}

// judge turns what Coraza says into the verdict and the answer.
func (x *exchange) judge(stop *types.Interruption, state plugintypes.TransactionState, rc *reqctx.Request) {
	v := verdict(x.tx, state)
	rc.Verdict = v
	if len(v.Rules) > 0 {
		x.label = detected
	}
	if stop == nil || x.h.Mode == Detect {
		return
	}
	switch s := stop.Status; {
	case s == http.StatusBadRequest, s == http.StatusRequestEntityTooLarge:
		x.status, x.label = s, refused
	case s >= 500 && s < 600: // the rules found themselves misconfigured
		x.fail(fmt.Errorf("rule %d asked for status %d", stop.RuleID, s))
	case s >= 400 && s < 500:
		x.status, x.label, v.Blocked = s, blocked, true
	default: // redirect, drop, or no status
		x.status, x.label, v.Blocked = http.StatusForbidden, blocked, true
	}
}

package waf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wire"
	"github.com/convosphere/gateway/modules/waf/screen"
)

// exchange is the inspection of one request, and what came of it.
type exchange struct {
	h           *Handler
	client      string       // whose share of the gate it takes
	head        int64        // bytes of the request line and the headers
	hidden      []wire.Field // headers that no handler sees
	tx          types.Transaction
	took        time.Duration // the rules, without waiting
	status      int           // of the answer, 0: pass it on
	problem     string        // the answer's type, "": as the status says
	label       string        // of the metric
	err         error         // with label failed
	unseen      bool          // refused before the rules saw all of it
	read        bool          // the reading of the body has begun
	cut         bool          // the body was not read to its end
	uninspected string        // what no rule sees of a body that is over its limit
	body        *replay       // what the next handler reads, nil: the request's own
	ended       bool

	out       []int            // rules that the screen knows not to match
	screened  *screen.Exchange // nil: the screen was not asked, or knows nothing
	undecided bool             // the screen has not seen the body
	clean     bool             // the screen knows that no rule matches, and none was run
	kept      []byte           // the body, of a clean request
	repeated  []screen.Argument
}

func (x *exchange) fail(err error) {
	x.status, x.label, x.err = http.StatusServiceUnavailable, failed, err
}

// refuse answers what can't be inspected.
func (x *exchange) refuse(err error) {
	x.status, x.label = statusOf(err)
	switch {
	case x.label == failed:
		x.err = err
	case errors.Is(err, errTooMany):
		x.problem = tooManyArguments
	case errors.Is(err, gate.ErrClient):
		overload.WithLabelValues("client").Inc()
	case errors.Is(err, gate.ErrBusy):
		overload.WithLabelValues("gateway").Inc()
	}
}

// whole tells whether the next handler can still read the request as it came.
func (x *exchange) whole() bool { return x.body != nil || !x.read }

// end closes the transaction, once.
func (x *exchange) end() {
	if x.body != nil {
		x.body.stop() // which calls close, unless the reader did so already
		return
	}
	x.close()
}

func (x *exchange) close() {
	if x.ended || x.tx == nil {
		return
	}
	x.ended = true
	if err := x.h.rules.end(x.tx); err != nil {
		x.h.logger.Error("closing a transaction: " + err.Error())
	}
}

// inspect runs the rules of the phases 1, 2 and 5 over the request and records the verdict.
func (h *Handler) inspect(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (x *exchange) {
	x = &exchange{h: h, label: passed, client: rc.Caller(r), head: headSize(r), hidden: hiddenHeaders(r)}
	for _, f := range x.hidden {
		x.head += int64(len(f.Name) + len(f.Value))
	}
	if cookies(r) > h.MaxCookies || len(x.hidden) > maxHidden {
		x.unseen = true
		x.refuse(errCookies)
		return x
	}
	defer func() {
		if p := recover(); p != nil {
			// Fail closed: a rule that panics has not said that the request is clean.
			x.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if h.rules.screen != nil && !h.ScreenOff && x.screen(w, r, rc) {
		return x
	}
	body := hasBody(r)
	stop, ok := x.first(r, rc, !body)
	if !ok {
		return x
	}
	if body && stop == nil {
		// While the client sends, nothing is held at the gate.
		n, first, ok := x.receive(w, r)
		if !ok {
			return x
		}
		if stop, ok = x.second(r, n, first); !ok {
			return x
		}
	}
	x.tx.ProcessLogging()
	inspection.Observe(x.took.Seconds())
	x.judge(stop, rc)
	h.explain(x.tx, rc.ID)
	if x.status == 0 && h.Mode == Block && malformed(r) {
		x.status, x.label = http.StatusBadRequest, refused
	}
	return x
}

// enter waits for room at the gate. Without it the request is refused: fail closed.
func (x *exchange) enter(r *http.Request, bytes int64) (gate.Seat, bool) {
	t, err := x.h.gate.Enter(r.Context(), x.client, weigh(bytes), time.Duration(x.h.QueueTimeout))
	if err != nil {
		x.unseen = true
		x.refuse(err)
	}
	return t, err == nil
}

// first begins the transaction and runs phase 1, and phase 2 where nothing follows the headers. It tells whether the inspection goes on.
func (x *exchange) first(r *http.Request, rc *reqctx.Request, all bool) (stop *types.Interruption, ok bool) {
	t, ok := x.enter(r, x.head)
	if !ok {
		return nil, false
	}
	defer t.Leave()
	defer x.clock(time.Now())
	x.tx = x.h.rules.begin(experimental.Options{ID: rc.ID, Context: r.Context()})
	if _, ok := x.tx.(plugintypes.TransactionState); !ok {
		x.fail(errors.New("coraza's transaction shows no variables"))
		return nil, false
	}
	takeOut(x.tx, x.out)
	start := time.Now()
	stop = x.h.head(x.tx, r, rc, x.hidden...)
	observe(phaseHeaders, start)
	if stop != nil || !all {
		return stop, true
	}
	return x.phase2()
}

// second runs phase 2 over a body that was received: its length, and its first byte.
func (x *exchange) second(r *http.Request, n int64, first byte) (stop *types.Interruption, ok bool) {
	t, ok := x.enter(r, x.head+min(n, x.h.BodyLimit)) // what is more than that is files
	if !ok {
		return nil, false
	}
	defer t.Leave()
	defer x.clock(time.Now())
	if screen.Form(r.Header.Get("Content-Type")) {
		if err := x.clashing(); err != nil {
			x.refuse(err)
			return nil, false
		}
	}
	if x.uninspected == "" && (first == '{' || first == '[') && x.state().Variables().RequestBodyProcessor().Get() != "JSON" {
		if err := x.undeclared(r); err != nil {
			x.refuse(err)
			return nil, false
		}
	}
	if x.undecided && x.uninspected == "" && n <= x.h.BodyLimit && plainBody(r) {
		if err := x.screenBody(r, n); err != nil {
			x.refuse(err)
			return nil, false
		}
	}
	for _, a := range x.repeated {
		x.tx.AddPostRequestArgument(a.Key, a.Value)
	}
	return x.phase2()
}

func (x *exchange) phase2() (*types.Interruption, bool) {
	defer observe(phaseBody, time.Now())
	stop, err := x.tx.ProcessRequestBody()
	if err != nil {
		// Fail closed: the body was not inspected.
		x.fail(err)
	}
	return stop, err == nil
}

func (x *exchange) clock(start time.Time) { x.took += time.Since(start) }

func (x *exchange) state() plugintypes.TransactionState { return x.tx.(plugintypes.TransactionState) }

// headSize is what phase 1 reads: the request line and the headers.
func headSize(r *http.Request) int64 {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return int64(n)
}

// cookies counts pairs, also empty ones. Coraza's limit of arguments does not count them, and each is matched by most rules.
func cookies(r *http.Request) (n int) {
	for _, v := range r.Header["Cookie"] {
		n += strings.Count(v, ";") + 1
	}
	return n
}

// head tells the transaction of the connection, the request line and the headers, also of hidden ones, and runs phase 1.
func (h *Handler) head(tx types.Transaction, r *http.Request, rc *reqctx.Request, hidden ...wire.Field) *types.Interruption {
	peer, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	if rc.Client.IP.IsValid() {
		peer = rc.Client.IP.String()
	}
	n, _ := strconv.Atoi(port) // no port: 0
	tx.ProcessConnection(peer, n, "", 0)
	tx.ProcessURI(requestURI(r), r.Method, r.Proto)
	for name, v := range told(r, hidden) {
		tx.AddRequestHeader(name, v)
	}
	if r.Host != "" {
		tx.SetServerName(r.Host)
	}
	return tx.ProcessRequestHeaders()
}

// hasBody: the stream of a CONNECT is a tunnel, not a body.
func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 && r.Method != http.MethodConnect
}

// receive reads the body into the transaction and puts the replay in its place. It returns the body's length and its first byte, and
// tells whether the inspection goes on.
func (x *exchange) receive(w http.ResponseWriter, r *http.Request) (n int64, first byte, ok bool) {
	limits := x.h.limits(r)
	if r.ContentLength > limits.bytes && x.h.Mode == Block && x.h.OverLimit != Pass {
		x.cut = true
		x.refuse(errTooLong)
		return 0, 0, false
	}
	x.read = true
	wait, done := x.h.patience(w)
	n, first, extra, err := receive(x.tx, r.Body, limits, wait)
	done()
	rest := io.ReadCloser(r.Body)
	more := x.h.Mode == Detect && errors.Is(err, errTooMany) || (x.h.Mode == Detect || x.h.OverLimit == Pass) && errors.Is(err, errTooLong)
	if more {
		// Fail open, as mode detect does and as the operator may choose: what is over the limit passes uninspected.
		x.abridge(errors.Is(err, errTooLong))
		rest, err = prefixed{io.MultiReader(bytes.NewReader(extra), r.Body), r.Body}, nil
	}
	if err != nil {
		x.cut = true
		x.refuse(err)
		return 0, 0, false
	}
	buffered, err := x.tx.RequestBodyReader()
	if err != nil {
		x.fail(err)
		return 0, 0, false
	}
	x.body = &replay{buffered: buffered, rest: rest, more: more, end: x.close}
	// Trailers are known now. Rules of phase 2 see them as headers.
	for name, values := range r.Trailer {
		for _, v := range values {
			x.tx.AddRequestHeader(name, v)
		}
	}
	return n, first, true
}

// abridge keeps the rules from taking the beginning of a body for a malformed one. The beginning of a form is a form, so it is matched;
// of JSON, XML and multipart no part is. One that has too many parts is cut, too, but tells by them what it is.
func (x *exchange) abridge(long bool) {
	x.uninspected = "body-rest"
	if !long {
		return
	}
	processor := x.state().Variables().RequestBodyProcessor()
	switch processor.Get() {
	case "JSON", "XML", "MULTIPART":
		if p, ok := processor.(interface{ Set(string) }); ok {
			p.Set("")
			x.uninspected = "body"
		}
	}
}

// prefixed puts bytes back before a body.
type prefixed struct {
	io.Reader
	io.Closer
}

// judge turns what Coraza says into the verdict and the answer.
func (x *exchange) judge(stop *types.Interruption, rc *reqctx.Request) {
	v := verdict(x.tx, x.state(), x.h.rules.ids)
	v.Uninspected = x.uninspected
	rc.Verdict = v
	countRules(v.Rules, x.h.rules.ids)
	if len(v.Rules) > 0 {
		x.label = detected
	}
	if stop == nil || x.h.Mode == Detect {
		return
	}
	switch s := stop.Status; {
	case s == http.StatusBadRequest, s == http.StatusRequestEntityTooLarge:
		x.status, x.label = s, refused
		if slices.Contains(argumentRules, stop.RuleID) {
			x.problem = tooManyArguments
		}
	case s >= 500 && s < 600: // the rules found themselves misconfigured
		x.fail(fmt.Errorf("rule %d asked for status %d", stop.RuleID, s))
	case s >= 400 && s < 500:
		x.status, x.label, v.Blocked = s, blocked, true
	default: // redirect, drop, or no status
		x.status, x.label, v.Blocked = http.StatusForbidden, blocked, true
	}
}

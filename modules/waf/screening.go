package waf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wire"
	"github.com/convosphere/gateway/modules/waf/screen"
	"github.com/convosphere/gateway/modules/waf/seclang"
)

// modelled are the rules that choose how a body is read, as package screen expects them: ours, and the Core Rule Set's 901340.
var modelled = []int{200000, 200001, ruleOctetStream, 901340}

// compiled collects what Coraza says it compiled.
type compiled struct {
	ids  []int
	raws []string
}

func (c *compiled) observe(r types.RuleMetadata) {
	c.ids, c.raws = append(c.ids, r.ID()), append(c.raws, r.Raw())
}

// messages are the messages of the rules by their ids.
func (c *compiled) messages() map[int]string {
	out := make(map[int]string, len(c.ids))
	for i, id := range c.ids {
		out[id] = message(c.raws[i])
	}
	return out
}

// screen makes the screen of a rule set, or says why there is none: then every rule is run on every request, which is slow and safe.
func (c *compiled) screen(p *seclang.Program, files fs.FS, count int) (*screen.Screen, error) {
	left := 0
	for _, r := range p.Rules {
		if !r.Removed {
			left++
		}
	}
	if !p.Same(c.ids, c.raws) || left != count {
		return nil, errors.New("the rules are not read as Coraza reads them")
	}
	limit, err := strconv.Atoi(p.Last("secargumentslimit"))
	if err != nil {
		return nil, fmt.Errorf("SecArgumentsLimit: %w", err)
	}
	depth, err := strconv.Atoi(p.Last("secrequestbodyjsondepthlimit"))
	if err != nil {
		return nil, fmt.Errorf("SecRequestBodyJsonDepthLimit: %w", err)
	}
	return screen.New(p, screen.Options{Root: files, Limits: screen.Limits{Arguments: limit, Depth: depth}, Modelled: modelled})
}

// runnable refuses what Coraza 3.8.1 loads and then panics at, on every request that reaches it: a setvar without a value, also one that removes a variable.
func runnable(p *seclang.Program) error {
	for _, r := range p.Rules {
		if r.Removed {
			continue
		}
		for _, l := range r.Links {
			for _, a := range l.Actions {
				if a.Name == "setvar" && !strings.Contains(a.Value, "=") {
					return fmt.Errorf("rule %d: setvar:%s has no value, which Coraza can't run; write setvar:%s=1", r.ID, a.Value, a.Value)
				}
			}
		}
	}
	return nil
}

// told is what a transaction is told of a request's headers, in one order for the screen and the rules.
func told(r *http.Request, hidden []wire.Field) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for _, f := range hidden {
			if !yield(f.Name, f.Value) {
				return
			}
		}
		for name, values := range r.Header {
			for _, v := range values {
				if name == "Expect" && strings.EqualFold(v, "100-continue") {
					continue // net/http answers it; the Core Rule Set refuses the header, whatever it says
				}
				if !yield(name, v) {
					return
				}
			}
		}
		// net/http takes these out of the headers.
		if r.Host != "" && !yield("Host", r.Host) {
			return
		}
		for _, v := range r.TransferEncoding {
			if !yield("Transfer-Encoding", v) {
				return
			}
		}
		if r.ContentLength >= 0 && r.Header.Get("Content-Length") == "" && hasBody(r) {
			yield("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		}
	}
}

// requestURI is the URI as the client escaped it.
func requestURI(r *http.Request) string {
	if r.RequestURI != "" {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// plainBody tells whether the screen may know what the rules would make of the body.
func plainBody(r *http.Request) bool {
	if len(r.Trailer) > 0 {
		return false
	}
	return !hasBody(r) || screen.Plain(r.Header.Get("Content-Type"))
}

// ask screens a request with as much of its body as is known.
func (x *exchange) ask(r *http.Request, body []byte) screen.Result {
	start := time.Now()
	e, res := x.h.rules.screen.Request(&screen.Request{Method: r.Method, URI: requestURI(r), Proto: r.Proto, Header: told(r, x.hidden), Body: body})
	observe(phaseScreen, start)
	label := "unknown"
	switch {
	case res.Clean:
		label = "clean"
	case res.Known:
		label = "named"
	}
	screened.WithLabelValues(label).Inc()
	if x.screened = nil; res.Known {
		x.screened, x.repeated = e, e.Repeated()
	}
	return res
}

// takeOut removes rules that the screen knows not to match from a transaction, before they are run.
func takeOut(tx types.Transaction, rules []int) {
	if t, ok := tx.(interface{ RemoveRuleByID(int) }); ok {
		for _, id := range rules {
			t.RemoveRuleByID(id)
		}
	}
}

// screen asks the screen about the whole request, with its body if that is short, and tells whether the inspection is over: a clean request needs no rules.
func (x *exchange) screen(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (over bool) {
	if malformed(r) {
		return false // every rule sees it, for the event
	}
	if !plainBody(r) || r.ContentLength > memoryLimit {
		x.screenHead(r)
		return false
	}
	var body []byte
	rest := r.Body
	if hasBody(r) {
		x.read = true
		var whole bool
		var err error
		if body, whole, err = x.h.keep(w, r); err != nil {
			x.cut = true
			x.refuse(err)
			return true
		}
		r.Body = prefixed{io.MultiReader(bytes.NewReader(body), rest), rest}
		x.read = false                    // all of it can still be read
		if !whole || len(r.Trailer) > 0 { // of trailers the screen knows nothing
			x.screenHead(r)
			return false
		}
	}
	seat, ok := x.enter(r, (x.head+int64(len(body)))/screenedBytes)
	if !ok {
		return true
	}
	defer seat.Leave()
	start := time.Now()
	res := x.ask(r, body)
	x.clock(start)
	if !res.Clean {
		x.out = res.Out
		return false
	}
	rc.Verdict = new(reqctx.Verdict)
	x.clean, x.kept = true, body
	if rest != r.Body {
		x.body = &replay{buffered: bytes.NewReader(body), rest: rest}
	}
	inspection.Observe(x.took.Seconds())
	return true
}

// screenedBytes is how many bytes the screen passes over while the rules take in one.
const screenedBytes = 64

// screenHead asks about what phase 1 sees, before there is a body.
func (x *exchange) screenHead(r *http.Request) {
	res := x.ask(r, nil)
	x.out, x.undecided = res.Out[:res.Early], true
}

// screenBody asks again when a long body is there: n bytes, in the transaction.
func (x *exchange) screenBody(r *http.Request, n int64) error {
	reader, err := x.tx.RequestBodyReader()
	if err != nil {
		return errors.Join(errNoStorage, err)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(reader, body); err != nil {
		return errors.Join(errNoStorage, err)
	}
	res := x.ask(r, body)
	takeOut(x.tx, res.Out)
	return nil
}

// keep reads a body into memory, up to what may be there; whole tells whether that was all of it.
func (h *Handler) keep(w http.ResponseWriter, r *http.Request) (body []byte, whole bool, err error) {
	most := int(min(memoryLimit, h.limits(r).bytes))
	body = make([]byte, 0, min(most, max(int(r.ContentLength), 512))+1)
	wait, done := h.patience(w)
	defer done()
	for len(body) <= most {
		if len(body) == cap(body) {
			body = slices.Grow(body, min(len(body), most+1-len(body)))
		}
		wait(int64(len(body)))
		n, err := r.Body.Read(body[len(body):min(cap(body), most+1)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, len(body) <= most, nil
		}
		if err != nil {
			return body, false, err
		}
	}
	return body, false, nil
}

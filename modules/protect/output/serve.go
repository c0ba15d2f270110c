package output

import (
	"errors"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Serve calls next with a writer whose answer it works on, and sends the rest of it. A half-sent answer that must not go on, or is not whole, ends in
// panic(http.ErrAbortHandler), so that nobody takes it for the whole.
func (f *Filter) Serve(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) error {
	r, rc := reqctx.Ensure(r)
	out := &writer{ResponseWriter: w, f: f, r: r, rc: rc, base: headersBefore(w.Header()), look: f.look(r, rc), length: -1}
	if r.Header.Get("Upgrade") == "" {
		r.Header.Set("Accept-Encoding", "identity") // a compressed answer can't be changed; encode, further out, has read this
	}
	defer out.report()
	return out.finish(out.call(next))
}

// call calls the handlers further in. What they do when a write fails, also a panic as a proxy's, is no news when it failed because the answer is withheld.
func (w *writer) call(next func(http.ResponseWriter, *http.Request) error) (err error) {
	defer func() {
		if w.state < replaced {
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			panic(p)
		}
		err = nil
	}()
	return next(w, w.r)
}

// finish sends what is held back, or answers in its place.
func (w *writer) finish(err error) error {
	if err != nil && (w.state == sniffing || w.state == holding) {
		w.base.restore(w.ResponseWriter.Header(), none)
		return err // nothing was sent: it is answered further out
	}
	if err == nil {
		w.rest()
	}
	h := w.ResponseWriter.Header()
	w.f.hidden.remove(h) // of trailers
	switch w.state {
	case withheld:
		status := http.StatusBadGateway
		if w.outcome.Refused == refusedPartial { // who asks without a range gets the whole, if it may go
			status = http.StatusRequestedRangeNotSatisfiable
		}
		w.base.restore(h, none)
		w.f.hidden.remove(h)
		problem.Write(w.ResponseWriter, w.r, problem.Problem{Status: status})
	case ended:
		panic(http.ErrAbortHandler)
	}
	return err
}

// rest is the end of an answer.
func (w *writer) rest() {
	short := w.length > 0 && w.received < w.length && w.r.Method != http.MethodHead
	switch {
	case w.state == sniffing && len(w.held) > 0:
		_ = w.sniff() // what it fails at is in the state
		w.rest()
	case w.state == sniffing:
		w.stream()
	case w.state == holding && short:
		w.withhold(refusedShort)
	case w.state == holding && w.received == 0:
		w.stream()
	case w.state == holding:
		held := w.held
		w.held = nil
		_ = w.complete(held)
	case w.state == passing && short:
		w.end(refusedShort)
	case w.state == passing:
		var err error
		if w.out, err = w.sieve.close(w.out[:0]); err != nil {
			_ = w.refuse(err)
			return
		}
		_ = w.send() // the client has gone: nobody is left to tell
	}
}

// Why an answer is refused.
const (
	refusedDetected = "detected" // it holds what must not leave
	refusedEncoded  = "encoded"  // it can't be read, and something must not leave
	refusedPartial  = "partial"  // it is a part, and something must not leave
	refusedBroken   = "broken"   // it is no JSON, and something must not leave
	refusedShort    = "short"    // it is shorter than it says
)

// refuse ends an answer for what was found in it.
func (w *writer) refuse(err error) error {
	why := refusedDetected
	switch {
	case errors.Is(err, errBroken):
		why = refusedBroken
	case errors.Is(err, errWide):
		why = refusedEncoded
	}
	if w.state == passing {
		w.end(why)
	} else {
		w.withhold(why)
	}
	return errWithheld
}

func (w *writer) withhold(why string) {
	w.state, w.outcome.Refused, w.held = withheld, why, nil
	w.header = http.Header{}
}

func (w *writer) end(why string) { w.state, w.outcome.Refused = ended, why }

// replace answers with a problem in the place of what the back end has to say.
func (w *writer) replace(status int, why string) {
	h := w.ResponseWriter.Header()
	w.base.restore(h, spared)
	w.f.hidden.remove(h)
	w.state, w.outcome.Replaced = replaced, why
	w.header = http.Header{}
	problem.Write(w.ResponseWriter, w.r, problem.Problem{Status: status})
}

// report tells of what somebody should know of.
func (w *writer) report() {
	if w.look != nil {
		w.outcome.Found = w.look.found
	}
	if w.f.tell != nil && (w.outcome.Replaced != "" || w.outcome.Refused != "" || len(w.outcome.Found) > 0) {
		w.outcome.Status = w.status
		w.f.tell(w.r, w.outcome)
	}
}

package waf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/waf/screen"
)

// finding is what came of the inspection of an answer, over all its windows.
type finding struct {
	reqctx.Verdict       // the rules that matched; of the windows' scores the highest
	leak           bool  // the rules say that it must not be sent
	err            error // the rules could not be run
}

// inspect runs the response rules over what is kept back and the end of what was passed on. It tells whether it may be passed on.
func (a *response) inspect() bool {
	a.began = true
	text := a.text
	if a.json {
		text = unescape(text)
	}
	start := time.Now()
	stop, err := a.rules(text)
	a.took += time.Since(start)
	switch {
	case err != nil:
		a.finding.err = err
	case stop != nil:
		a.finding.leak = true
	}
	if err == nil && stop == nil || a.h.Mode == Detect { // mode detect fails open
		return true
	}
	// Fail closed: rules that could not be run have not said that the answer is clean.
	if a.state == holding {
		a.state = withheld
	} else {
		a.state = ended
	}
	a.text, a.passed = a.text[:0], 0
	a.stop()
	return false
}

// rules runs the rules over one window, if any of them might match.
func (a *response) rules(text []byte) (stop *types.Interruption, err error) {
	body := string(text)
	if !a.origin {
		body = "\x00" + body // nothing that belongs at the beginning of a body stands here
	}
	set, out, clean := a.h.rules, []int(nil), false
	if set.screen != nil && !a.h.ScreenOff {
		if out, clean = a.screen(body); clean {
			return nil, nil
		}
	}
	seat, err := a.h.gate.Enter(a.r.Context(), a.rc.Caller(a.r), weigh(int64(len(text))), time.Duration(a.h.QueueTimeout))
	if err != nil {
		return nil, err
	}
	defer seat.Leave()
	// It takes over nothing of the request's own inspection, so there need not have been any: the request's line and headers are told
	// again, for exclusions and rules that ask for them.
	tx := set.begin(experimental.Options{ID: a.rc.ID, Context: a.r.Context()})
	defer func() {
		if e := set.end(tx); e != nil {
			a.h.logger.Error("closing a transaction: " + e.Error())
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			stop, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	takeOut(tx, out)
	if stop, err = a.phases(tx, body); err != nil {
		return nil, err
	}
	a.finding.add(tx, set.ids)
	return stop, nil
}

// screen tells which rules can't match a window, and whether that is all of them. What it knows of a clean request it knows already.
func (a *response) screen(body string) (out []int, clean bool) {
	if a.asked == nil {
		a.asked, a.asking = a.h.rules.screen.Request(&screen.Request{Method: a.r.Method, URI: requestURI(a.r), Proto: a.r.Proto, Header: told(a.r, nil)})
	}
	res := a.asked.Response(&screen.Answer{Status: strconv.Itoa(a.status), Body: body, Header: func(yield func(name, value string) bool) {
		for name, values := range a.kept {
			for _, v := range values {
				if !yield(name, v) {
					return
				}
			}
		}
	}})
	if !res.Known || !a.asking.Known {
		return nil, false
	}
	if a.asking.Clean && res.Clean {
		return nil, true
	}
	return slices.Concat(a.asking.Out, res.Out), false
}

// phases is one transaction from its beginning to its end.
func (a *response) phases(tx types.Transaction, body string) (*types.Interruption, error) {
	a.h.head(tx, a.r, a.rc)
	if _, err := tx.ProcessRequestBody(); err != nil {
		return nil, err
	}
	for name, values := range a.kept {
		for _, v := range values {
			tx.AddResponseHeader(name, v)
		}
	}
	stop := tx.ProcessResponseHeaders(a.status, a.r.Proto)
	if stop == nil {
		if _, _, err := tx.WriteResponseBody([]byte(body)); err != nil {
			return nil, err
		}
		var err error
		if stop, err = tx.ProcessResponseBody(); err != nil {
			return nil, err
		}
	}
	tx.ProcessLogging()
	return stop, nil
}

// add takes over what a window's transaction found. The request's own inspection has told what matched in phases 1 and 2, and where nothing of the answer did,
// the rules that report scores report those of the request.
func (f *finding) add(tx types.Transaction, known map[int]string) {
	v := verdict(tx, tx.(plugintypes.TransactionState), known)
	asked := map[int]bool{}
	for _, m := range tx.MatchedRules() {
		asked[m.Rule().ID()] = m.Rule().Phase() < types.PhaseResponseHeaders
	}
	v.Rules = slices.DeleteFunc(v.Rules, func(id int) bool { return asked[id] })
	v.Matches = slices.DeleteFunc(v.Matches, func(m reqctx.Match) bool { return asked[m.Rule] })
	if len(withoutJudges(v.Rules)) == 0 {
		return
	}
	v.Score, v.Detection = 0, 0
	merge(&f.Verdict, v)
}

// record puts the finding into the request's verdict and the metrics. It is called once, at the end.
func (a *response) record() {
	if !a.began {
		return
	}
	f := &a.finding
	label := passed
	switch {
	case f.leak && a.h.Mode == Block:
		label = blocked
		if a.state == ended {
			label = cutOff
		}
	case f.err != nil && overloaded(f.err):
		label = refused
	case f.err != nil:
		label = failed
		a.h.logger.Error("inspecting an answer", zap.String("request_id", a.rc.ID), zap.Error(f.err))
	case len(f.Rules) > 0:
		label = detected
	}
	responses.WithLabelValues(label).Inc()
	countRules(f.Rules, a.h.rules.ids)
	responseInspection.Observe(a.took.Seconds())
	if a.state == ended {
		a.h.logger.Warn("an answer was ended after its beginning was sent", zap.String("request_id", a.rc.ID), zap.Ints("rules", f.Rules))
	}
	if len(f.Rules) == 0 && a.state != withheld && a.state != ended {
		return
	}
	v := new(reqctx.Verdict)
	if a.rc.Verdict != nil {
		*v = *a.rc.Verdict
	}
	v.Rules, v.Matches = slices.Clone(v.Rules), slices.Clone(v.Matches)
	merge(v, &f.Verdict)
	switch a.state {
	case withheld:
		v.Response = reqctx.ResponseWithheld
	case ended:
		v.Response = reqctx.ResponseEnded
	}
	a.rc.Verdict = v
}

// overloaded: there was no room for the inspection in time, or the client has gone.
func overloaded(err error) bool {
	return errors.Is(err, gate.ErrBusy) || errors.Is(err, gate.ErrClient) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// refuse answers in the place of what is withheld. A leak is 502: the request may be as it should, what came of it is not. Nothing of the answer
// is said, nor of the rules.
func (a *response) refuse() {
	p := problem.Problem{Status: http.StatusBadGateway, Type: "response-blocked"}
	if !a.finding.leak {
		p = problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Second}
		switch {
		case errors.Is(a.finding.err, gate.ErrClient):
			overload.WithLabelValues("client").Inc()
		case errors.Is(a.finding.err, gate.ErrBusy):
			overload.WithLabelValues("gateway").Inc()
		}
	}
	problem.Write(a.ResponseWriter, a.r, p)
}

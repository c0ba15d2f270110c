package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/view"
)

const (
	recheckEvery = 30 * time.Second // that the session and the permission still hold
	beatEvery    = 15 * time.Second // so that neither side takes a quiet stream for a dead one
	mostASecond  = 100              // rows: what comes faster is counted, and said
)

// Why a stream ends, as its last message says it.
var (
	errReload  = errors.New("reload")     // the configuration was loaded again: ask again
	errSession = errors.New("signed-out") // the session has ended
	errFactor  = errors.New("factor")     // the second factor was given too long ago
	errRefused = errors.New("refused")    // the permission is gone, or can't be decided
	errFailed  = errors.New("failed")     // the view does not go on
)

// live answers with rows as they come (server-sent events): "row" with a row, "skipped" with how many were not sent, "end" with why it ends.
func (c *call) live() {
	if !c.permitted(c.view.Permission) {
		return
	}
	q, err := c.view.Ask(c.r.URL.Query(), c.who, c.now)
	if err != nil {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusUnprocessableEntity})
		return
	}
	if !c.h.open.begin(c.who.ID) {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusTooManyRequests, RetryAfter: beatEvery, Title: "Too many live tables are open"})
		return
	}
	defer c.h.open.done(c.who.ID)
	e := c.event("console-view", event.Success, "")
	e.Fields = append(e.Fields, zap.Bool("gateway.console.live", true))
	c.h.ground.Events.Emit(e)

	ctx, end := context.WithCancelCause(c.r.Context())
	defer end(nil)
	// What ends the session ends the stream: asked for first, so that no end falls between.
	unwatch := c.h.sessions.Watch(c.who.Session, func(string) { end(errSession) })
	defer unwatch()
	s := newStream(c)
	defer s.to.rest()
	if err := c.stillMay(ctx); err != nil {
		end(err)
	}
	var guards sync.WaitGroup
	guards.Go(func() { c.guard(ctx, end, s) })
	if err := c.view.Live(ctx, q, s.row); err != nil && ctx.Err() == nil {
		c.failure(err, whatLive)
	}
	end(errFailed) // it ended by itself
	guards.Wait()
	_ = s.send("end", cause(ctx)) // the client has gone: nobody is left to tell
}

// cause is the word that a stream ends with.
func cause(ctx context.Context) string {
	for _, known := range []error{errReload, errSession, errFactor, errRefused} {
		if errors.Is(context.Cause(ctx), known) {
			return known.Error()
		}
	}
	return errFailed.Error()
}

// guard ends the stream when it must not go on.
func (c *call) guard(ctx context.Context, end context.CancelCauseFunc, s *stream) {
	beat, check := time.NewTicker(c.h.beat), time.NewTicker(c.h.recheck)
	defer beat.Stop()
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.h.open.ended:
			end(errReload)
		case <-beat.C:
			if s.beat() != nil {
				end(errFailed)
			}
		case <-check.C:
			if err := c.stillMay(ctx); err != nil {
				end(err)
			}
		}
	}
}

// stillMay tells why the stream may not go on. Fail closed: also where that can't be told.
func (c *call) stillMay(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.h.Timeout))
	defer cancel()
	if until, err := c.h.sessions.Deadline(ctx, c.who.Session); err != nil || !time.Now().Before(until) {
		return errSession
	}
	switch d := c.askPolicy(c.view.Permission); {
	case d.Allow:
		return nil
	case d.Obligations.StepUp:
		return errFactor
	}
	return errRefused
}

// stream writes server-sent events. Rows and beats come from two goroutines.
type stream struct {
	c  *call
	to *bounded

	mu      sync.Mutex
	second  int64 // of the last row
	sent    int   // rows in it
	skipped int
}

func newStream(c *call) *stream {
	head := c.w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("X-Accel-Buffering", "no") // of proxies outside
	c.w.WriteHeader(http.StatusOK)
	s := &stream{c: c, to: &bounded{answer: c.w, to: http.NewResponseController(c.w)}}
	_ = s.send("open", "")
	return s
}

// rowOut is a row as the script reads it.
type rowOut struct {
	Tone  view.Tone `json:"tone,omitempty"`
	Cells []cell    `json:"cells"`
	Open  string    `json:"open,omitempty"`
	Acts  []actLink `json:"acts,omitempty"`
}

// row sends one, unless there are too many.
func (s *stream) row(r view.Row) error {
	s.mu.Lock()
	if now := time.Now().Unix(); now != s.second {
		s.second, s.sent = now, 0
	}
	s.sent++
	late := s.sent > mostASecond
	if late {
		s.skipped++
	}
	s.mu.Unlock()
	if late {
		return nil
	}
	shown := s.c.viewRow(r, nil)
	raw, err := json.Marshal(rowOut{shown.Tone, shown.Cells, shown.Open, shown.Acts})
	if err != nil {
		return err
	}
	return s.send("row", string(raw))
}

// beat tells that it goes on, and what was left out.
func (s *stream) beat() error {
	s.mu.Lock()
	skipped := s.skipped
	s.skipped = 0
	s.mu.Unlock()
	if skipped > 0 {
		return s.send("skipped", fmt.Sprint(skipped))
	}
	return s.send("beat", "")
}

func (s *stream) send(name, data string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.to, "event: %s\ndata: %s\n\n", name, data); err != nil {
		return err
	}
	return s.to.to.Flush()
}

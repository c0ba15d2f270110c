package view

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// heartbeat is how often a stream says that it is still there, where nothing happens: proxies end what is silent.
const heartbeat = 15 * time.Second

// Stream sends what happens from now on as server-sent events (WHATWG HTML, 9.2), until ctx ends: each row is an event of the type "row". render makes
// the data of a row; it has no line break.
func (v *View) Stream(ctx context.Context, w http.ResponseWriter, q Query, render func(Row) ([]byte, error)) error {
	head := w.Header()
	head.Set("Content-Type", "text/event-stream; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &stream{w: w, c: http.NewResponseController(w)}
	if err := s.write(": here\nretry: 3000\n\n"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { s.beat(ctx) })
	defer beating.Wait()
	defer cancel()
	return v.Live(ctx, q, func(r Row) error {
		data, err := render(r)
		if err != nil {
			return fmt.Errorf("writing a row: %w", err)
		}
		return s.write(fmt.Sprintf("event: row\ndata: %s\n\n", data))
	})
}

// StreamJSON is Stream with rows as JSON has them.
func (v *View) StreamJSON(ctx context.Context, w http.ResponseWriter, q Query) error {
	return v.Stream(ctx, w, q, func(r Row) ([]byte, error) { return json.Marshal(v.RowJSON(r)) })
}

type stream struct {
	mu sync.Mutex
	w  http.ResponseWriter
	c  *http.ResponseController
}

// write gives up on whoever does not read for a while.
func (s *stream) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.c.SetWriteDeadline(time.Now().Add(2 * heartbeat)) // where it can't be set, the server's own bounds hold
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.c.Flush()
}

func (s *stream) beat(ctx context.Context) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.write(": still here\n\n") != nil {
				return // the next row will say so, too
			}
		}
	}
}

package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// liveView sends what the channel gives, until it is told to end.
func liveView(rows <-chan view.Row) view.View {
	v := lampView(newLamps())
	v.Live = func(ctx context.Context, _ view.Query, send func(view.Row) error) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case r, ok := <-rows:
				if !ok {
					return nil
				}
				if err := send(r); err != nil {
					return err
				}
			}
		}
	}
	return v
}

// watched is an open stream.
type watched struct {
	t      *testing.T
	status int
	lines  *bufio.Scanner
	close  func()
}

func watch(t *testing.T, h *Handler, path string) *watched {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, rc := reqctx.Ensure(r)
		rc.Identity = mona
		_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	}))
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL+path, nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &watched{t, resp.StatusCode, bufio.NewScanner(resp.Body), cancel}
}

// next is the data of the next message of that name.
func (w *watched) next(name string) string {
	w.t.Helper()
	for w.lines.Scan() {
		if w.lines.Text() == "event: "+name && w.lines.Scan() {
			return strings.TrimPrefix(w.lines.Text(), "data: ")
		}
	}
	w.t.Fatalf("no %s: %v", name, w.lines.Err())
	return ""
}

func lampRow(name string) view.Row {
	return view.Row{ID: name, Cells: []any{name, "on", time.Unix(1_700_000_000, 0)}, Tone: view.Bad}
}

func TestLive(t *testing.T) {
	rows := make(chan view.Row, 1)
	h, _ := newConsole(t, liveView(rows))
	page := ask(t, h, mona, "GET", "/console/lamps?state=on", "").Body.String()
	if !strings.Contains(page, `data-live="/console/lamps/live?state=on"`) {
		t.Error("it is not offered")
	}
	if page := ask(t, h, mona, "GET", "/console/lamps?sort=name", "").Body.String(); strings.Contains(page, "data-live") {
		t.Error("a table in another order is offered live")
	}
	w := watch(t, h, "/console/lamps/live?state=on")
	rows <- lampRow("<b>attic</b>")
	var got rowOut
	if err := json.Unmarshal([]byte(w.next("row")), &got); err != nil || got.Cells[0].Text != "<b>attic</b>" || got.Tone != view.Bad || !strings.HasPrefix(got.Cells[0].Href, "/console/lamps/item?id=") || len(got.Acts) != 2 {
		t.Errorf("%+v %v", got, err)
	}
	close(rows)
	if why := w.next("end"); why != "failed" {
		t.Error(why)
	}
}

// A stream ends with the session, the permission, the factor and the configuration; and where these can't be told.
func TestLiveEnds(t *testing.T) {
	for want, end := range map[string]func(*Handler, *house){
		"signed-out": func(_ *Handler, p *house) {
			p.mu.Lock()
			f := p.watches["S1"]
			p.mu.Unlock()
			f("logout")
		},
		"refused": func(_ *Handler, p *house) { p.deny(view.Read, engine.Decision{Failure: engine.Timeout}) },
		"factor": func(_ *Handler, p *house) {
			p.deny(view.Read, engine.Decision{Obligations: engine.Obligations{StepUp: true}})
		},
		"reload": func(h *Handler, _ *house) { _ = h.Cleanup() },
		"signed-out ": func(_ *Handler, p *house) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.ended = errors.New("the store is away")
		},
	} {
		h, p := newConsole(t, liveView(make(chan view.Row)))
		h.recheck = 10 * time.Millisecond
		w := watch(t, h, "/console/lamps/live")
		w.next("open")
		end(h, p)
		if got := w.next("end"); got != strings.TrimSpace(want) {
			t.Errorf("%s: %s", want, got)
		}
	}
}

func TestLiveIsBounded(t *testing.T) {
	rows := make(chan view.Row)
	h, _ := newConsole(t, liveView(rows))
	h.beat = 10 * time.Millisecond
	var all []*watched
	for range h.StreamsEach {
		w := watch(t, h, "/console/lamps/live")
		w.next("open")
		all = append(all, w)
	}
	if w := watch(t, h, "/console/lamps/live"); w.status != 429 {
		t.Errorf("one more: %d", w.status)
	}
	go func() {
		for {
			select {
			case rows <- lampRow("hall"):
			case <-t.Context().Done():
				return
			}
		}
	}()
	if n := all[0].next("skipped"); n == "0" || n == "" {
		t.Error(n)
	}
	for _, w := range all {
		w.close()
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		h.open.mu.Lock()
		n := h.open.all
		h.open.mu.Unlock()
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams stay open", n)
		}
	}
	if h.open.begin("id-mona"); len(h.open.by) != 1 {
		t.Error("no place is free again")
	}
}

func TestLiveIsNotForEverybody(t *testing.T) {
	h, p := newConsole(t, liveView(nil))
	p.deny(view.Read, engine.Decision{})
	if w := watch(t, h, "/console/lamps/live"); w.status != 403 {
		t.Error(w.status)
	}
	if a := ask(t, h, nil, "GET", "/console/lamps/live", "", "Accept", "text/event-stream"); a.Code != 401 {
		t.Error(a.Code)
	}
	h, _ = newConsole(t, liveView(nil))
	if w := watch(t, h, "/console/lamps/live?state=broken"); w.status != 422 {
		t.Error(w.status)
	}
}

package ratelimit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

// stores are each kind of store.
func stores(t *testing.T) map[string]store.Store {
	return map[string]store.Store{"memory": nil, "redis": openRedis(t, redistest.Start(t))}
}

func TestOnlyFailuresCount(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, zone("key client\nrate 3/1h\ncount status 401 5xx"), s)
			for i := range 10 {
				if code := (call{answer: 200 + i}).code(t, h); code != 200+i {
					t.Fatalf("a good one is %d", code)
				}
			}
			for _, answer := range []int{401, 403, 500, 404, 599} {
				if code := (call{answer: answer}).code(t, h); code != answer {
					t.Fatalf("%d is %d", answer, code)
				}
			}
			w, _ := call{answer: 200}.send(t, h)
			if w.Code != 429 || w.Header().Get("Retry-After") == "" {
				t.Errorf("after three failures: %d %v", w.Code, w.Header())
			}
		})
	}
}

// Whoever sends all guesses at once has no more of them.
func TestParallelGuesses(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			const limit = 5
			h := mustLoad(t, zone("key json:/username\nrate 5/1h\ncount status 401"), s)
			var looked atomic.Int64
			var together, done sync.WaitGroup
			together.Add(limit)
			c := login(`{"username":"ada"}`)
			c.next = func(w http.ResponseWriter, _ *http.Request) error {
				if looked.Add(1) <= limit {
					together.Done()
				}
				together.Wait() // so that none is answered before as many as may are at work
				w.WriteHeader(401)
				return nil
			}
			for range 40 {
				done.Go(func() {
					if _, _, err := c.serve(h); err != nil {
						t.Error(err)
					}
				})
			}
			done.Wait()
			if n := looked.Load(); n != limit {
				t.Errorf("%d guesses were looked at", n)
			}
		})
	}
}

// The status is the one that the client gets, however the back end tells it.
func TestStatusOfEveryKindOfAnswer(t *testing.T) {
	h := mustLoad(t, zone("key header:X-Case\nrate 1/1h\ncount status 401 500"), nil)
	for name, c := range map[string]struct {
		next   func(w http.ResponseWriter, r *http.Request) error
		counts bool
	}{
		"nothing": {func(http.ResponseWriter, *http.Request) error { return nil }, false},
		"a body alone": {func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write([]byte("x"))
			w.WriteHeader(500)
			return err
		}, false},
		"an early hint":  {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(103); w.WriteHeader(401); return nil }, true},
		"a told error":   {func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(401, errors.New("no")) }, true},
		"another error":  {func(http.ResponseWriter, *http.Request) error { return errors.New("broken") }, true},
		"a told success": {func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(404, errors.New("no")) }, false},
		"a panic":        {func(http.ResponseWriter, *http.Request) error { panic("on purpose") }, true},
		"a late panic":   {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); panic("on purpose") }, false},
		"a copy": {func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, strings.NewReader("x"))
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			serve := func(next func(http.ResponseWriter, *http.Request) error) (code int) {
				defer func() { _ = recover() }()
				w, _, _ := call{headers: []string{"X-Case: " + name}, next: next}.serve(h)
				return w.Code
			}
			serve(c.next)
			code := serve(func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil })
			if (code == 429) != c.counts {
				t.Errorf("the next is %d", code)
			}
		})
	}
}

// A client that goes away before it is answered has no more guesses for it.
func TestGoneBeforeTheAnswer(t *testing.T) {
	h := mustLoad(t, zone("rate 1/1h\ncount status 401"), nil)
	ctx, leave := context.WithCancel(t.Context())
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.RemoteAddr = "192.0.2.1:1"
	if err := h.ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { leave(); return nil })); err != nil {
		t.Fatal(err)
	}
	if code := (call{}).code(t, h); code != 429 {
		t.Errorf("the next is %d", code)
	}
}

// The writer that watches the status takes nothing away from the one below.
func TestTheWriterUnwraps(t *testing.T) {
	h := mustLoad(t, zone("rate 1/1h\ncount status 401"), nil)
	(call{next: func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() }}).send(t, h)
}

func TestCosts(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit {\n defaults off\n store_timeout 5s\n zone fixed {\n match /fixed\n rate 10/1h\n cost 4\n}\n zone bytes {\n match /bytes\n rate 10/1h\n cost bytes 1KiB\n}\n zone above {\n match /above\n rate 10/1h\n cost 11\n}\n}", s)
			for i, want := range []int{204, 204, 429} {
				if code := (call{what: "GET /fixed"}).code(t, h); code != want {
					t.Errorf("fixed: %d is %d", i, code)
				}
			}
			for i, c := range []struct{ size, code int }{{0, 204}, {1, 204}, {1024, 204}, {1025, 204}, {4096, 204}, {1025, 429}, {1, 204}, {0, 429}} { // 1 1 1 2 4, then 1
				if code := (call{what: "POST /bytes", body: strings.Repeat("x", c.size)}).code(t, h); code != c.code {
					t.Errorf("bytes: %d of %d is %d", i, c.size, code)
				}
			}
			// Nobody is told to come back for what will never be admitted.
			if w, _ := (call{what: "GET /above"}).send(t, h); w.Code != 429 || w.Header().Get("Retry-After") != "" {
				t.Errorf("above: %d %v", w.Code, w.Header())
			}
		})
	}
}

// A body whose length nobody announced is charged for as it is read.
func TestCostOfAnUnknownLength(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, zone("rate 10/1h\ncost bytes 1KiB"), s)
			read := func(w http.ResponseWriter, r *http.Request) error {
				n, err := io.Copy(io.Discard, r.Body)
				if n != 9000 {
					t.Errorf("%d bytes came", n)
				}
				w.WriteHeader(204)
				return err
			}
			c := call{what: "POST /", body: strings.Repeat("x", 9000), chunked: true, next: read}
			if code := c.code(t, h); code != 204 { // 9 units
				t.Fatal(code)
			}
			if code := (call{}).code(t, h); code != 204 {
				t.Errorf("the tenth unit is %d", code)
			}
			if code := (call{}).code(t, h); code != 429 {
				t.Errorf("the eleventh unit is %d", code)
			}
		})
	}
}

// Bodies of no announced length that come together pass no more than the limit, and who was refused in the midst of one has paid for what came.
func TestBodiesOfUnknownLengthTogether(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, zone("rate 10/1h\ncost bytes 1KiB"), s)
			var begun, done sync.WaitGroup
			var passed, refused atomic.Int64
			begun.Add(5)
			c := call{what: "POST /", body: strings.Repeat("x", 9000), chunked: true, next: func(w http.ResponseWriter, r *http.Request) error {
				begun.Done()
				begun.Wait()
				for b := make([]byte, 500); ; {
					n, err := r.Body.Read(b)
					passed.Add(int64(n))
					if err == io.EOF {
						break
					}
					if err != nil {
						return err
					}
				}
				w.WriteHeader(204)
				return nil
			}}
			for range 5 {
				done.Go(func() {
					w, rc := c.send(t, h)
					if w.Code == 429 {
						refused.Add(1)
						if rc.Limited != "z" || w.Header().Get("RateLimit") == "" {
							t.Errorf("%+v %v", rc, w.Header())
						}
					}
				})
			}
			done.Wait()
			if passed.Load() > 10<<10 || refused.Load() < 4 {
				t.Errorf("%d bytes passed, %d of 5 were refused", passed.Load(), refused.Load())
			}
			if code := (call{}).code(t, h); code != 429 {
				t.Errorf("the next one is %d", code)
			}
		})
	}
}

// What came on top is given back with the rest where the answer does not count.
func TestUnknownLengthsComeBack(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, zone("rate 10/1h\ncost bytes 1KiB\ncount status 401"), s)
			for _, answer := range []int{200, 200, 401} {
				c := call{what: "POST /", body: strings.Repeat("x", 9000), chunked: true, next: func(w http.ResponseWriter, r *http.Request) error {
					_, err := io.Copy(io.Discard, r.Body)
					w.WriteHeader(answer)
					return err
				}}
				if code := c.code(t, h); code != answer {
					t.Fatalf("%d is %d", answer, code)
				}
			}
			if code := (call{answer: 401}).code(t, h); code != 401 {
				t.Errorf("the tenth unit is %d", code)
			}
			if code := (call{answer: 401}).code(t, h); code != 429 {
				t.Errorf("the eleventh unit is %d", code)
			}
		})
	}
}

func TestShadow(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit {\n defaults off\n store_timeout 5s\n zone seen {\n rate 1/1h\n shadow\n}\n zone real {\n rate 3/1h\n}\n}", s)
			for i, want := range []int{204, 204, 204, 429} {
				w, _ := (call{}).send(t, h)
				if w.Code != want {
					t.Errorf("%d is %d", i, w.Code)
				}
				if all := w.Header().Get("RateLimit") + w.Header().Get("RateLimit-Policy"); strings.Contains(all, "seen") || !strings.Contains(all, "real") {
					t.Error(all)
				}
			}
		})
	}
}

// What a quota admits is told as such, and a reload, good or failed, gives nobody a new one.
func TestQuotaOverReloads(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			text := zone("quota 3/month")
			old, unload, err := load(t, text, s)
			if err != nil {
				t.Fatal(err)
			}
			defer unload()
			w, _ := (call{}).send(t, old)
			if got := w.Header().Get("RateLimit-Policy"); w.Code != 204 || !strings.Contains(got, `"z";q=3`) {
				t.Errorf("%d %s", w.Code, got)
			}
			if _, _, err := loadJSON(t, []byte(`{"zones":[{"name":"z","quota":"3/month","burst":1}]}`), s); err == nil {
				t.Error("a quota with a burst loads")
			}
			h := mustLoad(t, text, s)
			for i, want := range []int{204, 204, 429, 429} {
				if code := (call{}).code(t, h); code != want {
					t.Errorf("%d is %d", i, code)
				}
			}
			// A larger one goes on from there.
			more := mustLoad(t, zone("quota 4/month"), s)
			for i, want := range []int{204, 429} {
				if code := (call{}).code(t, more); code != want {
					t.Errorf("with one more: %d is %d", i, code)
				}
			}
		})
	}
}

// A socket is open for long. What its handshake counts for is settled when it opens, not when it ends.
func TestASocketSettlesWhenItOpens(t *testing.T) {
	h := mustLoad(t, zone("match GET /api/ws\nrate 1/1h\ncount status 401"), nil)
	url := echoThrough(t, h)
	for i := range 3 {
		c, _, err := dial(t, url)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		defer c.CloseNow()
		if n, err := talk(t, c, 1); n != 1 {
			t.Fatal(err)
		}
	}
}

// A message costs by its own size.
func TestCostOfMessages(t *testing.T) {
	h := mustLoad(t, zone("messages\nrate 10/1h\ncost bytes 2"), nil)
	h.Warn = -1 // the first message too many closes
	c, _, err := dial(t, echoThrough(t, h))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if n, err := talk(t, c, 9); n != 3 || err == nil { // "hello" is 3 units
		t.Errorf("%d messages, %v", n, err)
	}
}

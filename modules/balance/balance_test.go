package balance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/convosphere/gateway/modules/balance/pick"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func policy(sticky string) *Policy { return &Policy{Sticky: sticky, table: pick.NewTable(time.Now)} }

func pool(names ...string) reverseproxy.UpstreamPool {
	all := make(reverseproxy.UpstreamPool, len(names))
	for i, n := range names {
		all[i] = &reverseproxy.Upstream{Dial: n, Host: new(reverseproxy.Host)}
	}
	return all
}

// request is one of somebody, from somewhere.
func request(subject, session, peer string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer + ":4711"
	r, rc := reqctx.Ensure(r)
	if subject != "" {
		rc.Identity = &reqctx.Identity{Subject: subject, Session: session}
	}
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
}

func TestSticky(t *testing.T) {
	back := pool("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80")
	for _, c := range []struct {
		sticky string
		like   func(i int) *http.Request // all alike in what counts
	}{
		{"user", func(i int) *http.Request { return request("u1", fmt.Sprint("s", i), fmt.Sprint("192.0.2.", i)) }},
		{"session", func(i int) *http.Request { return request("u1", "s1", fmt.Sprint("192.0.2.", i)) }},
		{"client", func(i int) *http.Request { return request(fmt.Sprint("u", i), "s", "192.0.2.1") }},
		{"client", func(int) *http.Request { // where no handler of the gateway stands before the proxy
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "192.0.2.1:4711"
			return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
		}},
	} {
		p := policy(c.sticky)
		first := p.Select(back, c.like(0), nil)
		for i := range 100 {
			if got := p.Select(back, c.like(i), nil); got != first {
				t.Fatalf("%s: %s, and before %s", c.sticky, got, first)
			}
		}
	}
	p, seen := policy("user"), map[string]bool{}
	for i := range 100 {
		seen[p.Select(back, request(fmt.Sprint("u", i), "s", "192.0.2.1"), nil).Dial] = true
		seen[p.Select(back, request("", "", "192.0.2.1"), nil).Dial] = true // nobody: anywhere
	}
	if len(seen) != 4 {
		t.Errorf("a hundred users are at %v", seen)
	}
}

// A retry is not sent where it failed, also where it would stick; when all have failed, they are asked again.
func TestARetryGoesElsewhere(t *testing.T) {
	back := pool("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
	for _, sticky := range []string{"", "user"} {
		p, r, seen := policy(sticky), request("u1", "s1", "192.0.2.1"), map[string]bool{}
		for range 3 {
			seen[p.Select(back, r, nil).Dial] = true
		}
		if len(seen) != 3 {
			t.Errorf("sticky %q: three tries at %v", sticky, seen)
		}
		if p.Select(back, r, nil) == nil {
			t.Errorf("sticky %q: no fourth try", sticky)
		}
	}
	if policy("").Select(nil, request("", "", "192.0.2.1"), nil) != nil {
		t.Error("chose of none")
	}
}

func TestWhatCantBe(t *testing.T) {
	for _, p := range []Policy{{Sticky: "planet"}, {SlowStart: -1}, {SlowStart: caddy.Duration(2 * time.Hour)}} {
		if p.Validate() == nil {
			t.Errorf("%+v is valid", p)
		}
	}
}

func TestLabelsAreBounded(t *testing.T) {
	seen := map[string]bool{}
	for i := range 3 * mostLabels {
		seen[labelOf(fmt.Sprint("pod-", i))] = true
	}
	if len(seen) > mostLabels+1 || !seen["_other"] {
		t.Errorf("%d labels", len(seen))
	}
}

// dying is a back end that counts what it got and ends connections as told.
type dying struct {
	*httptest.Server
	posts, gets atomic.Int64
	dies        atomic.Bool // after the request was received whole, before a byte of an answer
}

func newDying(t *testing.T) *dying {
	d := &dying{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPost {
			d.posts.Add(1)
		} else {
			d.gets.Add(1)
		}
		switch {
		case d.dies.Load():
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half of it")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, d.Listener.Addr().String())
	}))
	t.Cleanup(d.Close)
	return d
}

// site runs a proxy in front of the back ends, with the directives that the README recommends.
func site(t *testing.T, upstreams ...string) string {
	t.Helper()
	addr, err := listen.Free()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := golden.Adapt(`{
	admin off
	persist_config off
	storage file_system ` + filepath.Join(t.TempDir(), "caddy") + `
}
http://` + addr + ` {
	reverse_proxy ` + strings.Join(upstreams, " ") + ` {
		lb_policy gw_balance {
			slow_start 30s
			sticky client
		}
		lb_retries 2
		lb_retry_match {
			method GET HEAD OPTIONS
		}
		fail_duration 30s
		max_fails 1
	}
}
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(raw, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + addr
}

// A back end that dies while it answers: a GET is tried elsewhere, a POST is done once or not at all, and never twice; half an answer is never
// followed by another's.
func TestRetriesNeverDouble(t *testing.T) {
	a, b := newDying(t), newDying(t)
	url := site(t, a.Listener.Addr().String(), b.Listener.Addr().String())
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(method, path string) (int, string, error) {
		r, err := http.NewRequest(method, url+path, strings.NewReader(map[string]string{"POST": "a message"}[method]))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	_, home, err := send("GET", "/")
	if err != nil {
		t.Fatal(err)
	}
	mine, other := a, b // sticky: where this client's requests go
	if home == b.Listener.Addr().String() {
		mine, other = b, a
	}

	if status, got, err := send("GET", "/half"); err == nil || strings.Contains(got, other.Listener.Addr().String()) {
		t.Errorf("half an answer is taken for a whole one: %d %q", status, got)
	}
	mine.dies.Store(true)
	before := other.posts.Load()
	if status, _, err := send("POST", "/"); err != nil || status != http.StatusBadGateway {
		t.Errorf("a POST whose back end died: %d %v", status, err)
	}
	if mine.posts.Load() != 1 || other.posts.Load() != before {
		t.Errorf("the POST came %d and %d times", mine.posts.Load(), other.posts.Load()-before)
	}
}

// The same for GET, which is tried elsewhere at once, and for a back end that is not there at all, where a POST was sent to nobody and may be, too.
func TestRetriesOfWhatIsSafe(t *testing.T) {
	a, b := newDying(t), newDying(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	url := site(t, a.Listener.Addr().String(), b.Listener.Addr().String(), gone)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	a.dies.Store(true)
	var all sync.WaitGroup
	errs := make(chan error, 40)
	for i := range 20 {
		all.Go(func() {
			resp, err := client.Get(url)
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					err = errors.New(resp.Status)
				}
			}
			if err != nil {
				errs <- fmt.Errorf("GET %d: %w", i, err)
			}
		})
	}
	all.Wait()
	a.dies.Store(false)
	posted := a.posts.Load() + b.posts.Load()
	for i := range 10 {
		resp, err := client.Post(url, "text/plain", strings.NewReader("a message"))
		if err != nil || resp.StatusCode != http.StatusOK {
			errs <- fmt.Errorf("POST %d: %v %v", i, resp, err)
			continue
		}
		resp.Body.Close()
	}
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if n := a.posts.Load() + b.posts.Load() - posted; n != 10 {
		t.Errorf("10 POSTs came %d times", n)
	}
}

// A reload does not forget which back ends were there, and one that fails leaves the table.
func TestReload(t *testing.T) {
	a := newDying(t)
	url := site(t, a.Listener.Addr().String())
	table := func() *pick.Table {
		v, _, err := tables.LoadOrNew("table", func() (caddy.Destructor, error) { return nil, errors.New("there is none") })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tables.Delete("table"); err != nil {
			t.Fatal(err)
		}
		return v.(pooledTable).Table
	}
	first := table()
	if err := caddy.Load([]byte(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"x":{"listen":["127.0.0.1:0"],"routes":[{"handle":[{"handler":"reverse_proxy","load_balancing":{"selection_policy":{"policy":"gw_balance","sticky":"planet"}}}]}]}}}}}`), true); err == nil {
		t.Fatal("a configuration that can't be was loaded")
	}
	if table() != first {
		t.Error("a failed reload lost the table")
	}
	if resp, err := http.Get(url); err != nil || resp.StatusCode != http.StatusOK {
		t.Error(resp, err)
	} else {
		resp.Body.Close()
	}
}

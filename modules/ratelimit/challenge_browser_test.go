package ratelimit

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdpnet "github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/kit"
)

// These tests meet the challenge as a person does, in a real Chromium.

// challengedSite is a server of one page behind a handler that challenges whoever comes.
type challengedSite struct {
	*httptest.Server
	abuse  *abuse.Table
	mu     sync.Mutex
	served map[string]int // requests by path
	broken string         // what paths that end so get is no script
}

func serveChallenged(t *testing.T, block string) *challengedSite {
	t.Helper()
	w := watch(t, block)
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	s := &challengedSite{abuse: w.table, served: map[string]int{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.served[r.URL.Path]++
		broken := s.broken != "" && strings.HasSuffix(r.URL.Path, s.broken)
		s.mu.Unlock()
		if r.URL.Path == "/favicon.ico" || broken {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		r, rc := reqctx.Ensure(r)
		rc.Client.IP = netip.MustParseAddr(suspect)
		err := w.h.ServeHTTP(rw, r, caddyhttp.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) error {
			rw.Header().Set("Content-Type", "text/html")
			_, err := io.WriteString(rw, "<!doctype html><html lang=en><title>the app</title><h1 id=app>"+r.Method+"</h1><form method=post action=/form><button>send</button></form>")
			return err
		}))
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *challengedSite) saw(suffix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, times := range s.served {
		if strings.HasSuffix(path, suffix) {
			n += times
		}
	}
	return n
}

// inspect holds the page to the width of each size and to what keeps people from using it, light and dark, and takes pictures where GATEWAY_SCREENSHOTS is set.
func inspect(p *kit.Tab, name string) {
	look(p, name)
	p.Accessible(name)
	p.Dark(true)
	p.Accessible(name + ", dark")
	p.Dark(false)
}

// look is the part of it that needs no script.
func look(p *kit.Tab, name string) {
	for _, s := range []struct {
		name string
		size kit.Size
	}{{"phone", kit.Phone}, {"desktop", kit.Desktop}, {"tiny", kit.Size{Width: 320, Height: 568}}} {
		p.Resize(s.size)
		p.NoOverflow(name + "-" + s.name)
		p.Shot(name + "-" + s.name)
		p.Dark(true)
		p.Shot(name + "-" + s.name + "-dark")
		p.Dark(false)
	}
}

func TestABrowserSolvesItByItself(t *testing.T) {
	s := serveChallenged(t, "challenge {\n work 15\n}")
	p := kit.StartBrowser(t).Tab(t, "challenge", kit.Phone)
	p.Go(s.URL + "/rooms?a=b#there")
	p.Until("what was asked for, with its query and fragment", `document.getElementById("app") && location.pathname + location.search + location.hash === "/rooms?a=b#there"`)
	if s.saw("/worker.js") == 0 {
		t.Error("no worker was at work")
	}
	if got, err := kit.Eval[string](p, `document.cookie`); err != nil || got != "" {
		t.Errorf("scripts see the clearance: %q %v", got, err)
	}
	s.abuse.Note(netip.MustParseAddr(suspect), abuse.Attack) // the solved one has halved its score
	p.Go(s.URL + "/others")
	p.Until("another page, at once", `document.getElementById("app")`)
	if n := s.saw("/page.js"); n != 1 {
		t.Errorf("the page was shown %d times", n)
	}
	p.Quiet("403") // which the browser notes itself
}

// Where workers can't be had, the page computes by itself.
func TestABrowserWithoutWorkers(t *testing.T) {
	s := serveChallenged(t, "challenge {\n work 15\n}")
	s.broken = "/worker.js"
	p := kit.StartBrowser(t).Tab(t, "no-workers", kit.Phone)
	p.Go(s.URL + "/")
	p.Until("what was asked for", `document.getElementById("app")`)
}

// What the page says while it works, and that all of it can be read and used.
func TestThePageWhileItWorks(t *testing.T) {
	s := serveChallenged(t, "challenge {\n work 26\n}") // for longer than the test takes
	b := kit.StartBrowser(t)
	for _, lang := range []struct{ accept, title, status string }{{"en", "One moment, please", "is working on it"}, {"de", "Einen Moment bitte", "rechnet"}} {
		p := b.Tab(t, "working-"+lang.accept, kit.Phone)
		speaks(p, lang.accept)
		p.Go(s.URL + "/")
		p.Until("the status, for who listens, too", `document.querySelector("[role=status]").textContent.includes("`+lang.status+`") && document.title === "`+lang.title+`" && document.documentElement.lang === "`+lang.accept+`"`)
		p.Until("progress, and no form meanwhile", `!document.getElementById("bar").hidden && document.getElementById("wait").hidden`)
		inspect(p, "working-"+lang.accept)
		p.Go("about:blank") // the workers end
	}
}

func speaks(p *kit.Tab, language string) {
	p.Do("choosing the language", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdpnet.SetExtraHTTPHeaders, cdpnet.SetExtraHTTPHeadersParams{Headers: cdpnet.Headers{"Accept-Language": language}})
		return err
	}))
}

// Without script there is a form: too early it says so, and then it leads to what was asked for. It is used by keyboard here.
func TestABrowserWithoutScript(t *testing.T) {
	s := serveChallenged(t, "challenge {\n wait 3s\n}")
	p := kit.StartBrowser(t).Tab(t, "no-script", kit.Phone)
	p.Do("turning script off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	p.Go(s.URL + "/rooms?a=b&c=d")
	p.Shows("wait for 3 seconds")
	look(p, "no-script")
	p.Press("\t")
	p.Press("\r")
	p.Shows("too early")
	look(p, "early")
	for range 100 {
		if _, err := kit.Eval[string](p, `document.documentElement.lang = "seen"`); err != nil {
			t.Fatal(err)
		}
		p.Press("\t")
		p.Press("\r")
		p.Until("another page", `document.documentElement.lang !== "seen" && document.readyState === "complete"`)
		at, err := kit.Eval[string](p, `document.getElementById("app") ? location.pathname + location.search : ""`)
		if err != nil {
			t.Fatal(err)
		}
		if at != "" {
			if at != "/rooms?a=b&c=d" {
				t.Errorf("led to %s", at)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("a hundred tries after the wait, and no way in")
}

// A form that was sent meets the challenge, too: the page says that it was not taken in, and leads back to where it was.
func TestAFormThatWasSent(t *testing.T) {
	s := serveChallenged(t, "challenge {\n work 15\n}")
	p := kit.StartBrowser(t).Tab(t, "form", kit.Phone)
	p.Go(s.URL + "/rooms")
	p.Until("the form", `document.getElementById("app")`)
	s.abuse.Note(netip.MustParseAddr(suspect), abuse.Attack) // the solved one has halved its score
	p.Do("losing the clearance", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdpnet.DeleteCookies, cdpnet.DeleteCookiesParams{Name: reqctx.ClearanceCookie, URL: s.URL})
		return err
	}))
	p.Click("form button")
	p.Until("the page of the form", `location.pathname === "/rooms" && document.getElementById("app")`)
}

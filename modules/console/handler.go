package console

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/view"
)

// call is one request to the console.
type call struct {
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	rc   *reqctx.Request
	now  time.Time
	view *view.View     // that it is about
	act  *view.Action   // of it; nil none
	doc  *view.Document // of it; nil none
	who  view.Person
	access
	shown int // how many panels the page has so far: their ids
}

// What a request asks for.
const (
	whatHome     = "home"
	whatAsset    = "asset"
	whatPage     = "page"
	whatItem     = "item"
	whatExport   = "export"
	whatLive     = "live"
	whatAsk      = "ask"
	whatAct      = "act"
	whatUndo     = "undo"
	whatDocument = "document"
	whatNone     = "none"
)

// ServeHTTP answers below the console's path and passes on all else.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rest, ours := strings.CutPrefix(r.URL.Path, h.Path)
	if !ours && r.URL.Path != strings.TrimSuffix(h.Path, "/") {
		return next.ServeHTTP(w, r)
	}
	defer h.ground.Hold()()
	r, rc := reqctx.Ensure(r)
	rc.Cost.Begin(cost.Console, nil)
	defer rc.Cost.End()
	a := &answer{ResponseWriter: w}
	c := &call{h: h, w: a, r: r, rc: rc, now: time.Now()}
	rc.Route, rc.Class = h.Path, "restricted"
	secure(a.Header())
	what := whatNone
	switch {
	case !h.isFor(rc.Client.IP): // it tells nobody else that it is there
		c.problem(http.StatusNotFound)
	case !ours:
		c.redirect(h.Path)
	default:
		what = c.serve(rest)
	}
	name := ""
	if c.view != nil {
		name = c.view.Name
	}
	count(name, what, a.status)
	return nil
}

func (h *Handler) isFor(ip netip.Addr) bool {
	return len(h.from) == 0 || slices.ContainsFunc(h.from, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// serve finds out what is asked for, and has it done. It returns what it was.
func (c *call) serve(rest string) string {
	what, ok := c.find(rest)
	if !ok {
		c.problem(http.StatusNotFound)
		return whatNone
	}
	if want := methods[what]; !slices.Contains(want, c.r.Method) {
		c.w.Header().Set("Allow", strings.Join(want, ", "))
		c.problem(http.StatusMethodNotAllowed)
		return what
	}
	switch {
	case what == whatAsset: // it is the same for everybody, and holds nothing
		c.asset()
		return what
	case c.crossSite():
		c.refuseCrossSite()
		return what
	case !c.signedIn():
		return what
	}
	do[what](c)
	return what
}

var methods = map[string][]string{
	whatHome: {"GET", "HEAD"}, whatAsset: {"GET", "HEAD"}, whatPage: {"GET", "HEAD"}, whatItem: {"GET", "HEAD"}, whatExport: {"GET"}, whatLive: {"GET"},
	whatDocument: {"GET", "HEAD"}, whatAsk: {"GET", "HEAD"}, whatAct: {"POST"}, whatUndo: {"POST"},
}

var do map[string]func(*call)

func init() {
	do = map[string]func(*call){
		whatHome: (*call).home, whatPage: (*call).page, whatItem: (*call).item, whatExport: (*call).export, whatLive: (*call).live, whatDocument: (*call).document,
		whatAsk: (*call).askAction, whatAct: (*call).doAction, whatUndo: (*call).undo,
	}
}

// find reads the path below the console's own: a view's name, and what of it.
func (c *call) find(rest string) (what string, ok bool) {
	if rest == "" {
		return whatHome, true
	}
	if strings.HasPrefix(rest, assetFolder) {
		return whatAsset, true
	}
	parts := strings.Split(rest, "/")
	if c.view, ok = c.h.ground.Views.Get(parts[0]); !ok {
		return "", false
	}
	c.rc.Route = c.h.Path + c.view.Name
	switch {
	case len(parts) == 1:
		return whatPage, true
	case len(parts) == 3 && parts[1] == "act":
		if c.act, ok = c.view.Action(parts[2]); !ok {
			return "", false
		}
		c.rc.Route += "/act/" + c.act.Name
		if c.r.Method == http.MethodPost {
			return whatAct, true
		}
		return whatAsk, true
	case len(parts) == 3 && parts[1] == whatDocument:
		c.doc, ok = c.view.Document(parts[2])
		c.rc.Route += "/" + whatDocument
		return whatDocument, ok
	case len(parts) == 2:
		c.rc.Route += "/" + parts[1]
		switch parts[1] {
		case whatItem:
			return whatItem, c.view.Item != nil
		case whatExport:
			return whatExport, c.view.Rows != nil
		case whatLive:
			return whatLive, c.view.Live != nil
		case whatUndo:
			return whatUndo, true
		}
	}
	return "", false
}

// home leads to the first view that the person may see.
func (c *call) home() {
	for _, v := range c.h.ground.Views.All() {
		if c.may(v.Permission) {
			c.redirect(c.h.Path + v.Name)
			return
		}
	}
	c.permitted(view.Read) // it says what is missing: a second factor, or the role
	if c.status() == 0 {
		c.problem(http.StatusNotFound)
	}
}

// limited gives a view its time.
func (c *call) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), time.Duration(c.h.Timeout))
}

func (c *call) redirect(to string) {
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusSeeOther)
}

func (c *call) problem(status int) { problem.Write(c.w, c.r, problem.Problem{Status: status}) }

// answer remembers the status for the metrics.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (c *call) status() int { return c.w.(*answer).status }

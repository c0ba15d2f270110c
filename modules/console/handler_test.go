package console

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// lampView is a view of lamps, of which each can be switched off and on.
func lampView(lamps *lamps) view.View {
	return view.View{
		Name: "lamps", Title: "Lamps", About: "Which lamps burn.", Group: view.Watch,
		Filters: []view.Filter{
			{Name: "name", Title: "Name", Kind: view.Text}, {Name: "state", Title: "State", Kind: view.Choice, Choices: []string{"on", "off"}},
			{Name: "since", Title: "Since", Kind: view.Time, Default: "-1h"},
		},
		Columns: []view.Column{{Name: "name", Title: "Name", Kind: view.Text, Sort: true}, {Name: "state", Title: "State", Kind: view.State, Narrow: "state"}, {Name: "at", Title: "Changed", Kind: view.Time}},
		Rows:    lamps.rows, Item: lamps.item,
		Actions: []view.Action{
			{Name: "off", Title: "Switch off", On: view.OnRow, Ask: "Switch this lamp off?", Danger: true, Do: lamps.set("off"), Fields: []view.Field{{Name: "why", Title: "Reason", Kind: view.Text, Required: true, Most: 20}}},
			{Name: "on", Title: "Switch on", On: view.OnRow, Ask: "Switch this lamp on?", Do: lamps.set("on")},
			{Name: "smash", Title: "Smash all", On: view.OnView, Permission: view.Admin, Ask: "Smash all lamps?", Do: lamps.smash},
		},
	}
}

type lamps struct {
	state   map[string]string
	version string
	smashed bool
	why     string
	err     error // of every deed
}

func (l *lamps) rows(_ context.Context, q view.Query) (view.Page, error) {
	p := view.Page{Total: -1}
	for _, name := range []string{"hall", "<b>attic</b>", "2001:db8::/64"} {
		if s, ok := l.state[name]; ok && (q.Value("state") == "" || q.Value("state") == s) {
			p.Rows = append(p.Rows, view.Row{ID: name, Cells: []any{name, s, time.Unix(1_700_000_000, 0)}})
		}
	}
	return p, nil
}

func (l *lamps) item(_ context.Context, id string) (view.Item, error) {
	s, ok := l.state[id]
	if !ok {
		return view.Item{}, view.ErrNotFound
	}
	return view.Item{Title: "Lamp " + id, State: s, Version: l.version, Sections: []view.Section{{Title: "Facts", Facts: []view.Fact{{Name: "Why", Value: l.why, Kind: view.Text}}}}}, nil
}

func (l *lamps) set(to string) func(context.Context, view.Order) (view.Done, error) {
	return func(_ context.Context, o view.Order) (view.Done, error) {
		if l.err != nil {
			return view.Done{}, l.err
		}
		if o.Version != "" && o.Version != l.version {
			return view.Done{}, &view.Conflict{Since: []view.Moment{{At: time.Now(), Title: "The reason was changed", Who: "ada"}}}
		}
		was := l.state[o.ID]
		l.state[o.ID], l.why = to, o.Values["why"]
		undo := &view.Undo{View: "lamps", Action: was, ID: o.ID}
		return view.Done{Message: "The lamp " + o.ID + " is " + to + ".", Undo: undo}, nil
	}
}

func (l *lamps) smash(context.Context, view.Order) (view.Done, error) {
	l.smashed = true
	return view.Done{Message: "All are smashed."}, nil
}

func newLamps() *lamps {
	return &lamps{state: map[string]string{"hall": "on", "<b>attic</b>": "off", "2001:db8::/64": "on"}, version: "1"}
}

func TestPaths(t *testing.T) {
	h, _ := newConsole(t, lampView(newLamps()))
	for what, want := range map[string]int{ // 0: passed on
		"GET /":                                            0,
		"GET /consoles":                                    0,
		"GET /Console/":                                    0,
		"GET //console/":                                   0,
		"GET /console":                                     303,
		"GET /console/":                                    303,
		"GET /console/lamps":                               200,
		"HEAD /console/lamps":                              200,
		"POST /console/lamps":                              405,
		"GET /console/lamps/":                              404,
		"GET /console/lamps/nothing":                       404,
		"GET /console/nothing":                             404,
		"GET /console/lamps/item":                          404, // which?
		"GET /console/lamps/live":                          404, // it has none
		"GET /console/lamps/undo":                          405,
		"GET /console/assets/":                             404,
		"GET /console/assets/../x":                         404,
		"GET /console/lamps/act/off?id=hall":               200,
		"GET /console/lamps/act/off?id=none":               404,
		"GET /console/lamps/act/none?id=hall":              404,
		"PUT /console/lamps/act/off?id=hall":               405,
		"GET /console/lamps/item?id=hall":                  200,
		"GET /console/lamps/item?id=2001%3Adb8%3A%3A%2F64": 200,
		"GET /console/lamps?state=broken":                  422,
		"GET /console/lamps?what=x":                        422,
		"GET /console/lamps?state=&name=&since=-1h":        303,
	} {
		method, path, _ := strings.Cut(what, " ")
		a := ask(t, h, mona, method, path, "")
		if a.passed != (want == 0) || want != 0 && a.Code != want {
			t.Errorf("%s: %d, passed %v", what, a.Code, a.passed)
		}
		if !a.passed && (a.Header().Get("X-Frame-Options") != "DENY" || a.Header().Get("X-Content-Type-Options") != "nosniff" || a.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%s: headers %v", what, a.Header())
		}
	}
}

// Whoever has no session of their own here sees nothing: not with a token, not as a service, not from elsewhere.
func TestWhoIsLetIn(t *testing.T) {
	h, p := newConsole(t, lampView(newLamps()))
	other := func(change func(*reqctx.Identity)) *reqctx.Identity {
		id := *mona
		change(&id)
		return &id
	}
	for name, id := range map[string]*reqctx.Identity{
		"personal token": other(func(id *reqctx.Identity) { id.Session = "pat_x"; id.Scopes = []string{"*"} }),
		"scoped":         other(func(id *reqctx.Identity) { id.Scopes = []string{"console:read"} }),
		"service":        other(func(id *reqctx.Identity) { id.Kind = reqctx.KindService }),
		"foreign":        other(func(id *reqctx.Identity) { id.Kind, id.Issuer = reqctx.KindForeign, "https://x" }),
		"no session":     other(func(id *reqctx.Identity) { id.Session = "" }),
	} {
		for _, path := range []string{"/console/", "/console/lamps", "/console/lamps/item?id=hall", "/console/lamps/act/off?id=hall"} {
			if a := ask(t, h, id, "GET", path, ""); a.Code != 403 || strings.Contains(a.Body.String(), "hall") {
				t.Errorf("%s, %s: %d", name, path, a.Code)
			}
		}
	}
	if a := ask(t, h, nil, "GET", "/console/lamps?state=on", ""); a.Code != 303 || !strings.HasPrefix(a.Header().Get("Location"), "/auth/login?return_to=%2Fconsole%2Flamps%3Fstate%3Don") {
		t.Errorf("nobody: %d %s", a.Code, a.Header().Get("Location"))
	}
	if a := ask(t, h, nil, "POST", "/console/lamps/act/off", "id=hall&f.why=x"); a.Code != 401 {
		t.Errorf("nobody acts: %d", a.Code)
	}
	if len(p.asked) != 0 {
		t.Errorf("the policy was asked of them: %v", p.asked)
	}
}

// The policy's word counts for each view and each action; what it can't say is no.
func TestPolicyDecides(t *testing.T) {
	for name, c := range map[string]struct {
		permission string
		d          engine.Decision
		method     string
		path, body string
		want       int
	}{
		"view refused":       {view.Read, engine.Decision{Reason: "no role permits it"}, "GET", "/console/lamps", "", 403},
		"item refused":       {view.Read, engine.Decision{}, "GET", "/console/lamps/item?id=hall", "", 403},
		"home refused":       {view.Read, engine.Decision{}, "GET", "/console/", "", 403},
		"asking refused":     {view.Act, engine.Decision{}, "GET", "/console/lamps/act/off?id=hall", "", 403},
		"acting refused":     {view.Act, engine.Decision{}, "POST", "/console/lamps/act/off", "id=hall&f.why=x", 403},
		"admin's refused":    {view.Admin, engine.Decision{}, "POST", "/console/lamps/act/smash", "x=y", 403},
		"no decision":        {view.Read, engine.Decision{Failure: engine.Timeout}, "GET", "/console/lamps", "", 503},
		"stale factor":       {view.Read, engine.Decision{Obligations: engine.Obligations{StepUp: true, MaxAge: 10 * time.Minute}}, "GET", "/console/lamps", "", 303},
		"stale factor, form": {view.Act, engine.Decision{Obligations: engine.Obligations{StepUp: true, MaxAge: 10 * time.Minute}}, "POST", "/console/lamps/act/off", "id=hall&f.why=x", 401},
	} {
		l := newLamps()
		h, p := newConsole(t, lampView(l))
		p.deny(c.permission, c.d)
		a := ask(t, h, mona, c.method, c.path, c.body)
		if a.Code != c.want || strings.Contains(a.Body.String(), "Lamp hall") {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
		if l.state["hall"] != "on" || l.smashed {
			t.Errorf("%s: it was done", name)
		}
	}
}

// What others chose is text on the page, and no markup or address.
func TestNothingIsMarkup(t *testing.T) {
	l := newLamps()
	l.why = `"><script>alert(1)</script>`
	v := lampView(l)
	v.Panels = func(context.Context, view.Query) ([]view.Panel, error) {
		return []view.Panel{
			{Title: "<i>x</i>", Tile: &view.Tile{Value: "<img src=x>", Kind: view.Text, Link: "javascript:alert(1)"}},
			{Title: "y", Bars: &view.Bars{Items: []view.Bar{{Name: "</script>", Value: 1, Link: "//evil.example/x"}}}},
			{Title: "z", Chart: &view.Chart{Times: []time.Time{time.Unix(0, 0)}, Series: []view.Series{{Name: "</script><script>alert(2)</script>", Values: []float64{1}}}}},
		}, nil
	}
	h, _ := newConsole(t, v)
	for _, path := range []string{
		"/console/lamps", "/console/lamps?name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/console/lamps/item?id=%3Cb%3Eattic%3C%2Fb%3E",
		"/console/lamps/act/off?id=%3Cb%3Eattic%3C%2Fb%3E&why=%22%3E%3Cscript%3E&_back=javascript:alert(1)", "/console/lamps/item?id=%3Cscript%3Ealert(1)",
	} {
		body := ask(t, h, mona, "GET", path, "").Body.String()
		for _, bad := range []string{"<script>alert", "<b>attic", "<img src=x", "<i>x", "javascript:", "evil.example", " style=", " onclick=", "<style"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
	}
}

func TestAddressesStayWithinTheConsole(t *testing.T) {
	h, _ := newConsole(t, lampView(newLamps()))
	for link, want := range map[string]string{
		"lamps":                     "/console/lamps",
		"lamps?state=on":            "/console/lamps?state=on",
		"lamps/item?id=a":           "/console/lamps/item?id=a",
		"lamps/items/a":             "/console/lamps/item?id=a",
		"lamps/a":                   "/console/lamps/item?id=a",
		"lamps/act/off?id=a":        "/console/lamps/act/off?id=a",
		view.At("lamps", "a/b?c=%"): "/console/lamps/item?id=a%2Fb%3Fc%3D%25",
		"":                          "", "nothing": "", "/console/lamps": "", "//evil.example": "", "https://evil.example/lamps": "", "javascript:alert(1)": "",
		"../auth/logout": "", `\\evil.example`: "", "lamps/../../x": "/console/lamps/item?id=..%2F..%2Fx", "%00": "", "lamps\n": "",
	} {
		if got := h.address(link); got != want {
			t.Errorf("%q: %q, not %q", link, got, want)
		}
	}
}

func TestSettingsThatCantBe(t *testing.T) {
	for name, change := range map[string]func(*Handler){
		"path":    func(h *Handler) { h.Path = "/console" },
		"root":    func(h *Handler) { h.Path = "/" },
		"portal":  func(h *Handler) { h.Path = "/auth/" },
		"streams": func(h *Handler) { h.StreamsEach = h.Streams + 1 },
		"export":  func(h *Handler) { h.Export = view.MostExport + 1 },
		"timeout": func(h *Handler) { h.Timeout = 1 },
	} {
		h := &Handler{}
		h.setDefaults()
		change(h)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), "gw_console") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The console is not there for networks that it is not for.
func TestFrom(t *testing.T) {
	h, _ := newConsole(t, lampView(newLamps()))
	for from, want := range map[string]int{"192.0.2.0/24": 200, "198.51.100.0/24": 404, "192.0.2.7": 200} {
		h.from, _ = parseFrom([]string{from})
		if a := ask(t, h, mona, "GET", "/console/lamps", ""); a.Code != want {
			t.Errorf("%s: %d", from, a.Code)
		}
	}
}

func sent(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

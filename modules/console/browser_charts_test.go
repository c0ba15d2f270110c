package console

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/test/kit"
)

// served is a console that a browser can look at, as mona.
func served(t *testing.T, views ...view.View) string {
	t.Helper()
	h, _ := newConsole(t, views...)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, rc := reqctx.Ensure(r)
		rc.Identity, rc.LoginURL, rc.Client.IP = mona, "/auth/login", netip.MustParseAddr("192.0.2.7")
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { http.NotFound(w, r); return nil })); err != nil {
			t.Errorf("%s: %v", r.URL, err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// gallery has panels of every kind, with what is awkward: gaps, long names, markup in names, nothing at all.
func gallery() view.View {
	return view.View{
		Name: "gallery", Title: "Gallery", Group: view.Watch, About: "Panels of every kind.",
		Filters: []view.Filter{{Name: "since", Title: "Since", Kind: view.Time}, {Name: "until", Title: "Until", Kind: view.Time}, {Name: "state", Title: "State", Kind: view.Text}},
		Panels:  func(context.Context, view.Query) ([]view.Panel, error) { return examples(), nil },
	}
}

func examples() []view.Panel {
	start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	var times []time.Time
	var ok, refused, slow, share []float64
	for i := range 96 {
		times = append(times, start.Add(time.Duration(i)*15*time.Minute))
		ok = append(ok, math.Round(400+300*math.Sin(float64(i)/12)))
		refused = append(refused, float64(i%7)*9)
		slow = append(slow, .002+.001*math.Cos(float64(i)/8))
		share = append(share, .97+.03*math.Cos(float64(i)/20))
	}
	slow[40], slow[41] = math.NaN(), math.NaN()
	return []view.Panel{
		{Title: "Requests", Tile: &view.Tile{Value: int64(1204332), Kind: view.Number, Was: int64(1076000), Note: "in 24 hours"}},
		{Title: "Open incidents", Tile: &view.Tile{Value: 3, Kind: view.Number, Tone: view.Bad, Note: "1 critical", Link: "gallery?state=open"}},
		{Title: "Available", Tile: &view.Tile{Value: .99972, Kind: view.Percent, Tone: view.Good, Was: .9991}},
		{Title: "Time to detect", Tile: &view.Tile{Value: 90 * time.Second, Kind: view.Duration, Tone: view.Warn, Was: 30 * time.Second}},
		{Title: "Requests by verdict", About: "What became of them, every 15 minutes.", Wide: true, Chart: &view.Chart{Times: times, Kind: view.Number, Stack: true, Series: []view.Series{{Name: "Let through", Values: ok}, {Name: "Refused", Values: refused, Tone: view.Bad}}}},
		{Title: "Cost of security", Chart: &view.Chart{Times: times, Kind: view.Duration, Series: []view.Series{{Name: "gw_waf", Values: slow}}}},
		{Title: "Availability", Chart: &view.Chart{Times: times, Kind: view.Percent, Series: []view.Series{{Name: "Requests answered", Values: share, Tone: view.Good}, {Name: "Time up", Tone: view.Muted}}}},
		{Title: "Nothing", Chart: &view.Chart{Times: times, Kind: view.Number, Stack: true, Series: []view.Series{{Name: "Findings", Values: make([]float64, 96)}}}},
		{Title: "Top rules", Bars: &view.Bars{Kind: view.Number, Items: []view.Bar{
			{Name: "942100 SQL injection attack detected via libinjection, in a name that does not end", Value: 1204, Link: "gallery?state=open", Tone: view.Bad}, {Name: `<img src=x onerror=alert(1)>`, Value: 12}, {Value: 0}}}},
		{Title: "Countries", Table: &view.Table{Columns: []view.Column{{Name: "c", Title: "Country", Kind: view.Text}, {Name: "n", Title: "Requests", Kind: view.Number}}, Rows: []view.Row{{Cells: []any{"DE", 12}}}}},
	}
}

const drawn = `document.querySelectorAll(".plot canvas").length === 3`

// script runs it on the page.
func script(js string) chromedp.Action[chromedp.Void] { return chromedp.Evaluate[chromedp.Void](js) }

// Charts are drawn under the strictest policy, from the table that stands there for everybody else, and read with the keyboard.
func TestChartsAreDrawn(t *testing.T) {
	p := kit.StartBrowser(t).Tab(t, "charts", kit.Desktop)
	p.Go(served(t, gallery()) + "/console/gallery")
	p.Until("the charts", drawn)
	p.Until("ink on each", `[...document.querySelectorAll(".plot canvas")].every(c => c.width > 200 && c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(v => v > 0))`)
	p.Shot("light")
	p.AccessibleFrom("charts", kit.Pointer)

	p.Do("focus", script(`document.querySelector(".plot").focus()`))
	p.Press(kb.ArrowRight)
	p.Until("the first value is told", `document.querySelector(".chart [role=status]").textContent.startsWith("26 Nov, 00:00: Let through 400, Refused 0")`)
	p.Press(kb.End)
	p.Until("the last one", `document.querySelector(".plot .at").textContent === "26 Nov, 23:45 UTC" && document.querySelector(".legend strong").textContent === document.querySelector(".values tbody tr:last-child td").textContent`)
	p.Shot("cursor")

	p.Dark(true)
	p.Until("the dark colour on the canvas", `(() => { const c = document.querySelector(".plot canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		for (let i = 0; i < d.length; i += 4) if (d[i] === 0x9d && d[i+1] === 0x97 && d[i+2] === 0xff) return true; })()`)
	p.Shot("dark")
	p.AccessibleFrom("dark charts", kit.Pointer)
	p.Resize(kit.Phone)
	p.Until("charts as wide as the page", `[...document.querySelectorAll(".plot canvas")].every(c => c.getBoundingClientRect().right <= innerWidth)`)
	p.NoOverflow("charts")
	p.Shot("phone")
	p.Quiet("willReadFrequently") // of what this test asks
}

// Who draws over a part of a chart looks at that time alone.
func TestChartsNarrow(t *testing.T) {
	p := kit.StartBrowser(t).Tab(t, "narrow", kit.Desktop)
	p.Go(served(t, gallery()) + "/console/gallery?state=open")
	p.Until("the charts", drawn)
	p.Do("drawing over it", script(`(() => { const over = document.querySelector(".u-over"), r = over.getBoundingClientRect();
		const mouse = (type, x) => (type === "mouseup" ? document : over).dispatchEvent(new MouseEvent(type, {clientX: r.left + x, clientY: r.top + 40, movementX: 9, bubbles: true, button: 0, detail: 1}));
		mouse("mouseenter", 100); mouse("mousemove", 100); mouse("mousedown", 100); mouse("mousemove", 300); requestAnimationFrame(() => mouse("mouseup", 300)); })()`))
	p.Until("the time in the address", `(q => q.get("since")?.startsWith("2026-11-26T0") && q.get("until") > q.get("since") && q.get("state") === "open")(new URLSearchParams(location.search))`)
	p.Quiet()
}

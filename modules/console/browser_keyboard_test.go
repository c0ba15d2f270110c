package console

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/test/kit"
)

// things is a view with a table, items and an action, as most are. lifted counts what was done.
func things(lifted *atomic.Int64) view.View {
	at := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	return view.View{
		Name: "things", Title: "Things", Group: view.Respond, About: "What there is.",
		Filters: []view.Filter{{Name: "address", Title: "Address", Kind: view.Address, Hint: "192.0.2.7"}, {Name: "state", Title: "State", Kind: view.Choice, Choices: []string{"open", "closed"}}},
		Columns: []view.Column{{Name: "address", Title: "Address", Kind: view.Address, Sort: true}, {Name: "state", Title: "State", Kind: view.State, Narrow: "state"}, {Name: "n", Title: "Times", Kind: view.Number}, {Name: "at", Title: "Since", Kind: view.Time, Sort: true}, {Name: "why", Title: "Why", Kind: view.Text, Less: true}},
		Rows: func(context.Context, view.Query) (view.Page, error) {
			return view.Page{Total: 2, Rows: []view.Row{
				{ID: "a", Cells: []any{"192.0.2.7", "open", 12345, at, "it guessed passwords, again and again, for the better part of an hour"}, Tone: view.Bad},
				{ID: "b", Cells: []any{"2001:db8::/64", "closed", 1, at, nil}},
			}}, nil
		},
		Item: func(_ context.Context, id string) (view.Item, error) {
			return view.Item{Title: "Thing " + id, State: "open", Tone: view.Bad, Sections: []view.Section{
				{Title: "Facts", Facts: []view.Fact{{Name: "Address", Value: "192.0.2.7", Kind: view.Address}, {Name: "Since", Value: at, Kind: view.Time}}},
				{Title: "What happened", Timeline: []view.Moment{{At: at, Title: "It began", Tone: view.Warn}, {At: at.Add(time.Hour), Title: "It was found", Text: "By a rule.", Who: "mona", Tone: view.Bad}}},
				{Title: "Event", Code: `{"event.action":"http-request"}`},
			}}, nil
		},
		Actions: []view.Action{{Name: "lift", Title: "Lift it", On: view.OnRow, Ask: "Lift it now?", Danger: true, Fields: []view.Field{{Name: "why", Title: "Why", Kind: view.Text, Required: true}},
			Do: func(context.Context, view.Order) (view.Done, error) {
				lifted.Add(1)
				return view.Done{Message: "It is lifted."}, nil
			}}},
	}
}

// focused is the element with the focus, as far as a person must be able to see it.
const focused = `(() => { if (document.activeElement === document.body) return "BODY seen"; const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
	return [e.getAttribute("aria-label") || e.textContent.trim().replaceAll(" ", "-") || e.name || e.tagName,
		s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 0 && r.bottom > 0 && r.top < innerHeight ? "seen" : "unseen"].join(" "); })()`

// stops goes through the page with the Tab key until the focus is where it began.
func stops(t *testing.T, p *kit.Tab, page string) (all []string) {
	t.Helper()
	for range 60 {
		p.Press("\t")
		at, err := kit.Eval[string](p, focused)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 && at == all[0] {
			return all
		}
		if strings.HasPrefix(at, "BODY") {
			continue
		}
		if all = append(all, at); strings.HasSuffix(at, "unseen") {
			t.Errorf("%s: the focus can't be seen on %s", page, at)
		}
	}
	t.Fatalf("%s: the focus never comes back: %q", page, all)
	return nil
}

// A person without a mouse narrows a view, opens what it shows, and does what can be done about it.
func TestKeyboardAlone(t *testing.T) {
	var lifted atomic.Int64
	p := kit.StartBrowser(t).Tab(t, "keyboard", kit.Desktop)
	p.Go(served(t, things(&lifted)) + "/console/things")
	p.Until("the page", `document.readyState === "complete"`)
	p.AccessibleFrom("things", kit.Pointer)
	all := stops(t, p, "things")
	if all[0] != "Skip-to-the-content seen" {
		t.Errorf("the first stop is %s", all[0])
	}
	// As people read it: the menu, the filters, the table's head, its rows.
	at := -1
	for _, want := range []string{"Things", "address", "Apply", "Address", "192.0.2.7", "Lift-it"} {
		next := slices.Index(all[at+1:], want+" seen")
		if next < 0 {
			t.Fatalf("no stop at %q after stop %d of %q", want, at, all)
		}
		at += next + 1
	}

	p.Do("focus", script(`document.querySelector("#f-address").focus()`))
	p.Press("192.0.2.7" + kb.Enter)
	p.Until("the filter in the address", `new URLSearchParams(location.search).get("address") === "192.0.2.7" && document.querySelector("tbody td a")`)
	p.Do("focus", script(`document.querySelector("tbody td a").focus()`))
	p.Press(kb.Enter)
	p.Until("the item", `document.querySelector("h1").textContent === "Thing a"`)
	p.AccessibleFrom("thing", kit.Pointer)
	stops(t, p, "thing")

	p.Do("focus", script(`[...document.querySelectorAll("[data-ask]")].find(a => a.textContent === "Lift it").focus()`))
	p.Press(kb.Enter)
	p.Until("the question, in a dialog", `document.querySelector("dialog[open] .question")?.textContent === "Lift it now?"`)
	p.AccessibleFrom("the question", kit.Pointer)
	p.Press(kb.Escape)
	p.Until("the focus where it was", `!document.querySelector("dialog[open]") && document.activeElement.textContent === "Lift it"`)
	if lifted.Load() != 0 {
		t.Fatal("it was done before anybody said so")
	}
	p.Press(kb.Enter)
	p.Until("the question again", `document.querySelector("dialog[open] [name='f.why']")`)
	p.Do("focus", script(`document.querySelector("dialog[open] [name='f.why']").focus()`))
	p.Press("it was a mistake" + kb.Enter)
	p.Shows("It is lifted.")
	if lifted.Load() != 1 {
		t.Errorf("it was done %d times", lifted.Load())
	}
	p.Quiet()
}

// On a phone rows are cards, the menu opens and closes, and nothing is wider than the screen.
func TestPhone(t *testing.T) {
	var lifted atomic.Int64
	p := kit.StartBrowser(t).Tab(t, "phone", kit.Desktop)
	p.Touch(true)
	p.Resize(kit.Phone)
	url := served(t, things(&lifted))
	for _, dark := range []bool{false, true} {
		p.Dark(dark)
		for _, path := range []string{"/console/things", "/console/things/item?id=a", "/console/things/act/lift?id=a"} {
			p.Go(url + path)
			p.Until("the page", `document.readyState === "complete" && document.querySelector("h1")`)
			p.NoOverflow(path)
			p.AccessibleFrom(path, kit.Pointer)
		}
	}
	p.Go(url + "/console/things")
	p.Until("cards", `getComputedStyle(document.querySelector("tbody td")).display === "grid" && getComputedStyle(document.querySelector("tbody td"), "::before").content === '"Address"'`)
	p.Click(".burger")
	p.Until("the menu", `document.querySelector("#menu").matches(":popover-open")`)
	p.AccessibleFrom("the menu", kit.Pointer)
	p.Until("what a finger hits", `[...document.querySelectorAll("#menu a, button, input, select, .brand")].filter(e => e.checkVisibility()).every(e => e.getBoundingClientRect().height >= 44)`)
	p.Press(kb.Escape)
	p.Until("no menu", `!document.querySelector("#menu").matches(":popover-open")`)
	p.Quiet()
}

package console

import (
	"errors"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/view"
)

// itemPage is all of one row.
type itemPage struct {
	View     *view.View
	Up       string // address of the view
	ID       string
	State    cell
	Sections []sectionOf
	Acts     []actLink
	Docs     []docLink
}

// sectionOf is a view.Section as pages show it.
type sectionOf struct {
	Title    string
	Facts    []factOf
	Table    *tableOf
	Timeline []momentOf
	Text     string
	Code     string
	Panels   panelSet
}

type factOf struct {
	Name string
	Cell cell
}

type momentOf struct {
	At    cell
	Title string
	Text  string
	Who   string
	Tone  view.Tone
	Href  string
}

const mostMoments = 1000 // of a timeline

const mostID = 512 // bytes of an item's

func (c *call) item() {
	if !c.permitted(c.view.Permission) {
		return
	}
	asked := c.r.URL.Query()
	id := asked.Get(paramID)
	it, ok := c.load(id)
	if !ok {
		return
	}
	c.tell(event.Success, id, "")
	c.render(http.StatusOK, "item", frame{Title: it.Title, Flash: c.flash(asked.Get(paramDone)), Main: c.itemPage(id, it)})
}

// load gets an item, and answers where it can't.
func (c *call) load(id string) (view.Item, bool) {
	if id == "" || len(id) > mostID {
		c.gone()
		return view.Item{}, false
	}
	ctx, cancel := c.limited()
	defer cancel()
	it, err := c.view.Item(ctx, id)
	switch {
	case errors.Is(err, view.ErrNotFound), errors.Is(err, view.ErrMalformed):
		c.gone()
	case err != nil:
		c.notice(http.StatusServiceUnavailable, c.view.Title, c.failure(err, whatItem))
	}
	if it.Title == "" {
		it.Title = id
	}
	return it, err == nil
}

func (c *call) gone() {
	c.notice(http.StatusNotFound, "It is not there", "There is no such thing, or not any more.")
}

func (c *call) itemPage(id string, it view.Item) itemPage {
	p := itemPage{View: c.view, Up: c.h.Path + c.view.Name, ID: id, State: shownCell(view.State, it.State, it.Tone)}
	for _, s := range it.Sections {
		p.Sections = append(p.Sections, c.section(s))
	}
	p.Docs = c.documents(id)
	p.Acts = c.actions(view.OnItem, id, it.Actions, view.At(c.view.Name, id))
	return p
}

func (c *call) section(s view.Section) sectionOf {
	out := sectionOf{Title: s.Title, Table: c.plainTable(s.Table), Text: s.Text, Code: s.Code, Panels: c.panels(s.Panels)}
	if out.Table != nil {
		out.Table.Caption = s.Title
	}
	for _, f := range s.Facts {
		shown := shownCell(f.Kind, f.Value, f.Tone)
		shown.Href = c.h.address(f.Link)
		out.Facts = append(out.Facts, factOf{f.Name, shown})
	}
	for _, m := range s.Timeline[:min(len(s.Timeline), mostMoments)] {
		out.Timeline = append(out.Timeline, momentOf{shownCell(view.Time, m.At, ""), m.Title, m.Text, m.Who, m.Tone, c.h.address(m.Link)})
	}
	return out
}

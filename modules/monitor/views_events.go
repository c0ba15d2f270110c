package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// eventsView shows the events themselves.
func (a *App) eventsView() view.View {
	return view.View{
		Name: "events", Title: "Events", Group: view.Watch, Rank: 20, Newest: true,
		About:   "What happened on this node, one line each, the newest first. An event holds no bodies, secrets or names of people.",
		Filters: journal.Filters(),
		Columns: journal.Columns(),
		Rows:    a.eventRows, Item: a.eventItem, Live: a.eventsLive,
	}
}

func (a *App) eventRows(ctx context.Context, q view.Query) (view.Page, error) {
	f, err := journal.FilterOf(q)
	if err != nil {
		return view.Page{}, err
	}
	found, err := a.journal.Find(ctx, f, q.After, q.Limit)
	if err != nil {
		return view.Page{}, asked(err)
	}
	p := view.Page{Next: found.Next, Total: -1, Rows: make([]view.Row, 0, len(found.Hits))}
	for i := range found.Hits {
		p.Rows = append(p.Rows, found.Hits[i].Row())
	}
	if f.Text == "" && f.Request == "" && q.After == "" {
		if p.Total, _, err = a.journal.Count(ctx, f); err != nil {
			return view.Page{}, asked(err)
		}
	}
	p.Note = a.note(journal.Partial{Through: found.Through, Unread: found.Unread})
	return p, nil
}

// asked is the error of a view for one of the journal.
func asked(err error) error {
	if errors.Is(err, journal.ErrCursor) || errors.Is(err, journal.ErrAsked) {
		return fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	return err
}

// note says what an answer does not hold.
func (a *App) note(part journal.Partial) string {
	var all []string
	if !part.Through.IsZero() {
		all = append(all, "Looked through events back to "+part.Through.Format("2006-01-02 15:04:05")+" UTC: older ones come with the next page, or faster with a shorter time.")
	}
	if part.Unread > 0 {
		all = append(all, fmt.Sprintf("%d pieces of the journal can't be read: their events are missing.", part.Unread))
	}
	if s := a.journal.Stats(); s.Dropped+s.Lost > 0 {
		all = append(all, fmt.Sprintf("%d events since the start are missing here: they came too fast, or the disk refused them. The events' own files have them.", s.Dropped+s.Lost))
	}
	return strings.Join(all, " ")
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (a *App) eventsLive(ctx context.Context, q view.Query, send func(view.Row) error) error {
	f, err := journal.FilterOf(q)
	if err != nil {
		return err
	}
	f.From = q.Now() // what was before stands in the table
	err = a.journal.Follow(ctx, f, func(h journal.Hit) error { return send(h.Row()) })
	if errors.Is(err, journal.ErrBusy) {
		return fmt.Errorf("%w: %w", view.ErrRefused, err)
	}
	return asked(err)
}

const mostNear = 50 // events of the same request, or session, that an item shows

func (a *App) eventItem(ctx context.Context, id string) (view.Item, error) {
	h, ok, err := a.journal.Event(ctx, id)
	if err != nil {
		return view.Item{}, err
	}
	if !ok {
		return view.Item{}, view.ErrNotFound
	}
	result, tone := h.Result()
	item := view.Item{Title: strings.TrimSpace(h.Get(journal.Action) + " " + h.Says()), State: result, Tone: tone}
	item.Sections = append(item.Sections, view.Section{Title: "What is known of it", Facts: eventFacts(&h)})
	near := func(title string, f journal.Filter) error {
		t, n, err := a.near(ctx, f, &h)
		if err == nil && n > 0 {
			item.Sections = append(item.Sections, view.Section{Title: title, Table: t})
		}
		return err
	}
	if h.Request() != "" {
		if err := near("Of the same request", journal.Filter{Request: h.Request()}); err != nil {
			return view.Item{}, err
		}
	}
	if s := h.Get(journal.Session); s != "" {
		if err := near("Of the same session, up to then", journal.Filter{To: h.At.Add(time.Microsecond), Conds: []journal.Cond{{Field: journal.Session, Value: s}}}); err != nil {
			return view.Item{}, err
		}
	}
	var whole bytes.Buffer
	if json.Indent(&whole, []byte(h.Line), "", "  ") == nil { // the bus wrote it
		item.Sections = append(item.Sections, view.Section{Title: "The whole event", Code: strings.TrimSpace(whole.String())})
	}
	return item, nil
}

var nearColumns = []view.Column{
	{Name: "time", Title: "Time", Kind: view.Time}, {Name: "level", Title: "Level", Kind: view.Level}, {Name: "action", Title: "Action", Kind: view.Code},
	{Name: "result", Title: "Result", Kind: view.State}, {Name: "what", Title: "What", Kind: view.Text}, {Name: "event", Title: "Event", Kind: view.ID, Link: "events"},
}

// near are other events that the filter finds.
func (a *App) near(ctx context.Context, f journal.Filter, of *journal.Hit) (*view.Table, int, error) {
	found, err := a.journal.Find(ctx, f, "", mostNear)
	if err != nil {
		return nil, 0, err
	}
	t := &view.Table{Columns: nearColumns}
	for i := range found.Hits {
		h := &found.Hits[i]
		if h.ID == of.ID {
			continue
		}
		row := h.Row()
		row.Cells = append(row.Cells[:5:5], orNil(h.ID))
		t.Rows = append(t.Rows, row)
	}
	return t, len(t.Rows), nil
}

// eventFacts are what people look for first; the whole stands below.
func eventFacts(h *journal.Hit) []view.Fact {
	facts := []view.Fact{{Name: "Time", Value: h.At, Kind: view.Time}, {Name: "Event", Value: h.ID, Kind: view.ID}}
	for _, f := range []struct {
		field journal.Field
		name  string
		kind  view.Kind
		link  string // with the value behind it
	}{
		{journal.Level, "Level", view.Level, ""}, {journal.Outcome, "Outcome", view.State, ""}, {journal.Reason, "Reason", view.Text, ""},
		{journal.Verdict, "Verdict", view.State, ""}, {journal.Part, "Refused by", view.Text, ""}, {journal.Problem, "Problem", view.Code, ""},
		{journal.Client, "Client", view.Address, "events?client="}, {journal.Country, "Country", view.Text, "events?country="}, {journal.Network, "Network", view.Text, ""},
		{journal.User, "Account", view.ID, "accounts/"}, {journal.Target, "Account that was changed", view.ID, "accounts/"}, {journal.Session, "Session", view.ID, "sessions/"},
		{journal.Method, "Method", view.Text, ""}, {journal.Host, "Host", view.Text, ""}, {journal.Path, "Path", view.Code, ""}, {journal.Route, "Route", view.Code, "events?route="},
		{journal.Status, "Status", view.Text, ""}, {journal.Permission, "Permission", view.Code, "events?permission="}, {journal.Node, "Node", view.Text, ""},
	} {
		v := h.Get(f.field)
		if v == "" {
			continue
		}
		fact := view.Fact{Name: f.name, Value: v, Kind: f.kind}
		switch {
		case strings.HasSuffix(f.link, "="):
			fact.Link = f.link + url.QueryEscape(v)
		case f.link != "":
			fact.Link = f.link + url.PathEscape(v)
		}
		facts = append(facts, fact)
	}
	if all := h.Rules(); len(all) > 0 {
		facts = append(facts, view.Fact{Name: "Rules", Value: all, Kind: view.Texts})
	}
	return facts
}

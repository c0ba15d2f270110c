package console

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/view"
)

// Parameters of addresses that are ours. No filter begins with _.
const (
	paramDone   = "_done"   // the flash to show
	paramFormat = "_format" // of an export
	paramID     = "id"      // of an item
	paramBack   = "_back"   // where an action leads back to
	paramKeep   = "_keep"   // a document is to be kept, not shown
)

// viewPage is a view as its page shows it.
type viewPage struct {
	View    *view.View
	Filters []filterField
	Used    int    // how many filters narrow it
	Clear   string // address of the view without filters
	Sort    string
	Wrong   string // what is wrong with what was asked
	Panels  panelSet
	Missing string // why there are no panels
	Table   *tableOf
	Failed  string // why there is no table
	Note    string
	Count   string
	Next    string // address of the next page
	First   string // address of the first page, where this is another
	Acts    []actLink
	CSV     string
	JSON    string
	Live    string // address of the stream; "" there is none
}

// filterField is one of the form.
type filterField struct {
	view.Filter
	Value   string
	Input   string // type of the input; "" it is a list of choices
	Options []option
}

type option struct {
	Value, Title string
	Chosen       bool
}

func (c *call) page() {
	if !c.permitted(c.view.Permission) {
		return
	}
	asked := c.r.URL.Query()
	done := asked.Get(paramDone)
	asked.Del(paramDone)
	if tidy(asked, c.view) { // as a form sends it: the address that is left can be kept and passed on
		if done != "" {
			asked.Set(paramDone, done)
		}
		c.redirect(c.h.Path + c.here(asked))
		return
	}
	q, err := c.view.Ask(asked, c.who, c.now)
	p := viewPage{View: c.view, Filters: c.filters(q, asked, err), Clear: c.h.Path + c.view.Name, Sort: asked.Get(view.ParamSort), Acts: c.actions(view.OnView, "", nil, c.here(asked))}
	p.Used = used(p.Filters)
	status := http.StatusOK
	if err != nil {
		status, p.Wrong = http.StatusUnprocessableEntity, words(err)
	} else {
		status = c.fill(&p, q, asked)
	}
	c.tell(event.Success, "", "")
	c.render(status, "view", frame{Title: c.view.Title, About: c.view.About, Flash: c.flash(done), Main: p})
}

// fill asks the view, and returns the status of the answer.
func (c *call) fill(p *viewPage, q view.Query, asked url.Values) int {
	ctx, cancel := c.limited()
	defer cancel()
	status := http.StatusOK
	if c.view.Panels != nil {
		panels, err := c.view.Panels(ctx, q)
		if err != nil {
			p.Missing = c.failure(err, "panels")
		}
		p.Panels = c.panels(panels)
	}
	if c.view.Rows == nil {
		if p.Missing != "" {
			status = http.StatusServiceUnavailable
		}
		return status
	}
	got, err := c.view.Rows(ctx, q)
	if err != nil {
		p.Failed = c.failure(err, "rows")
		if status = http.StatusServiceUnavailable; errors.Is(err, view.ErrMalformed) {
			status = http.StatusUnprocessableEntity
		}
		return status
	}
	p.Table, p.Note, p.Count = c.viewTable(got.Rows, asked, q), got.Note, countOf(got, q)
	if p.Used == 0 { // nobody narrowed it
		p.Table.None = "There is nothing now."
	}
	if got.Next != "" {
		p.Next = c.with(asked, view.ParamAfter, got.Next)
	}
	if q.After != "" {
		first := url.Values{}
		for k, v := range asked {
			if k != view.ParamAfter {
				first[k] = v
			}
		}
		p.First = c.h.Path + c.here(first)
	}
	c.further(p, q, asked)
	return status
}

// further are the address of exports, and of the stream, where the newest rows are shown.
func (c *call) further(p *viewPage, q view.Query, asked url.Values) {
	file := func(format string) string {
		out := maps.Clone(asked)
		out.Del(view.ParamAfter)
		out.Del(view.ParamLimit)
		out.Set(paramFormat, format)
		return c.h.Path + c.view.Name + "/" + whatExport + "?" + out.Encode()
	}
	p.CSV, p.JSON = file(formatCSV), file(formatJSON)
	if c.view.Live != nil && q.After == "" && q.Sort == "" {
		out := maps.Clone(asked)
		out.Del(view.ParamLimit)
		p.Live = c.h.Path + c.view.Name + "/" + whatLive + "?" + out.Encode()
	}
}

func countOf(p view.Page, q view.Query) string {
	n := len(p.Rows)
	switch {
	case p.Total >= 0 && (p.Next != "" || q.After != ""):
		return "Showing " + grouped(strconv.Itoa(n)) + " of " + grouped(strconv.Itoa(p.Total))
	case p.Next != "" || q.After != "":
		return "Showing " + grouped(strconv.Itoa(n))
	case n == 1:
		return "1 row"
	}
	return grouped(strconv.Itoa(n)) + " rows"
}

// tidy takes out of what a form sends the fields that nobody filled in, and tells whether there were any.
func tidy(asked url.Values, v *view.View) bool {
	found := false
	for _, name := range []string{view.ParamSort, view.ParamAfter} {
		if s, ok := asked[name]; ok && len(s) == 1 && s[0] == "" {
			asked.Del(name)
			found = true
		}
	}
	for _, f := range v.Filters {
		if s, ok := asked[f.Name]; ok && len(s) == 1 && strings.TrimSpace(s[0]) == f.Default { // an empty one in place of a default says something
			asked.Del(f.Name)
			found = true
		}
	}
	return found
}

func used(fields []filterField) int {
	n := 0
	for _, f := range fields {
		if f.Value != f.Default {
			n++
		}
	}
	return n
}

// filters are the form's fields, with what was asked: also where it was wrong.
func (c *call) filters(q view.Query, asked url.Values, wrong error) []filterField {
	var out []filterField
	for _, f := range c.view.Filters {
		field := filterField{Filter: f, Value: q.Value(f.Name)}
		if wrong != nil {
			field.Value = cut(asked.Get(f.Name))
		}
		field.Input, field.Options = input(f.Kind, f.Choices, field.Value, "any", false)
		out = append(out, field)
	}
	return out
}

// input is how a value of a kind is typed in, or chosen.
func input(k view.Kind, choices []string, value, none string, must bool) (typ string, options []option) {
	list := choices
	titles := map[string]string{}
	if k == view.Flag {
		list, titles = []string{"true", "false"}, map[string]string{"true": "yes", "false": "no"}
	}
	if len(list) == 0 {
		switch k {
		case view.Number, view.Percent, view.Bytes:
			return "number", nil
		}
		return "text", nil
	}
	if !must {
		options = append(options, option{"", none, value == ""})
	}
	for _, s := range list {
		title := titles[s]
		if title == "" {
			title = s
		}
		options = append(options, option{s, title, s == value})
	}
	if value != "" && !slices.Contains(list, value) {
		options = append(options, option{value, value, true})
	}
	return "", options
}

// words are what may be said of an error.
func words(err error) string {
	text := err.Error()
	for _, known := range []error{view.ErrMalformed, view.ErrRefused, view.ErrConflict} {
		text = strings.Replace(text, known.Error()+": ", "", 1)
	}
	if text == "" {
		return "It can't be done."
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// failure says that a part of a page is missing, and why as far as that may be said.
func (c *call) failure(err error, what string) string {
	switch {
	case errors.Is(err, view.ErrMalformed), errors.Is(err, view.ErrRefused):
		return words(err)
	case c.r.Context().Err() != nil: // nobody reads it any more
		return ""
	}
	c.h.logger.Error("a view could not be shown", zap.Error(err), zap.String("view", c.view.Name), zap.String("what", what), zap.String("request_id", c.rc.ID))
	if errors.Is(err, context.DeadlineExceeded) {
		return "It took too long. Narrow it down, for example by time, or try again."
	}
	return "It can't be shown now. The log of the gateway says why: look there for " + c.rc.ID + "."
}

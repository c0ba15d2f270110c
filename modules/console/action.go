package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/view"
)

const (
	fieldPrefix = "f." // of an action's fields in its form
	paramSeen   = "version"
	mostForm    = 256 << 10
	recordTime  = 10 * time.Second // for the audit log to take an action
	actTime     = 30 * time.Second // for an action: what it changes may be on several nodes
)

// form is an action's as it is asked for, and asked for again where it can't be done so.
type form struct {
	Action  *view.Action
	Post    string // address
	ID      string
	Item    *itemPage // what it is done to, where that can be shown
	Title   string    // of the item
	Version string
	Back    string // within the console
	Cancel  string // address
	Fields  []formField
	Wrong   string
	Changed bool        // somebody changed it meanwhile
	Since   []sectionOf // what they changed, where that is known
}

type formField struct {
	view.Field
	Value   string
	Input   string
	Options []option
}

// askAction is the page that asks once.
func (c *call) askAction() {
	if !c.permitted(c.view.Permission) || !c.permitted(c.act.Permission) {
		return
	}
	asked := c.r.URL.Query()
	values := map[string]string{}
	for _, f := range c.act.Fields { // a link may fill in what it knows
		if v, ok := asked[f.Name]; ok && len(v) == 1 && len(v[0]) <= fieldMost(f) {
			values[f.Name] = v[0]
		} else {
			values[f.Name] = f.Default
		}
	}
	f, ok := c.form(asked.Get(paramID), asked.Get(paramBack), values)
	if ok {
		c.showForm(http.StatusOK, f)
	}
}

func fieldMost(f view.Field) int {
	if f.Most == 0 {
		return 1024
	}
	return f.Most
}

// form makes the form of the request's action, and answers where what it is about is not there.
func (c *call) form(id, back string, values map[string]string) (form, bool) {
	f := form{Action: c.act, Post: c.h.Path + c.view.Name + "/act/" + c.act.Name, Title: id, Back: back, Cancel: c.backOf(back)}
	if c.h.address(back) == "" {
		f.Back = ""
	}
	if c.act.On != view.OnView {
		if id == "" || len(id) > mostID {
			c.gone()
			return f, false
		}
		f.ID = id
		if c.view.Item != nil {
			it, ok := c.load(id)
			if !ok {
				return f, false
			}
			if it.Actions != nil && !slices.Contains(it.Actions, c.act.Name) {
				c.notice(http.StatusConflict, "That can't be done now", "What it is done to has changed: look at it again.")
				return f, false
			}
			p := c.itemPage(id, it)
			f.Item, f.Title, f.Version = &p, it.Title, it.Version
		}
	}
	for _, field := range c.act.Fields {
		in := formField{Field: field, Value: values[field.Name]}
		in.Input, in.Options = input(field.Kind, field.Choices, in.Value, "choose", field.Required)
		in.Most = fieldMost(field)
		f.Fields = append(f.Fields, in)
	}
	return f, true
}

func (c *call) showForm(status int, f form) {
	c.render(status, "ask", frame{Title: c.act.Title, Main: f})
}

// backOf is the address to go back to; the view's where what was given is none of the console's.
func (c *call) backOf(back string) string {
	if len(back) <= 4096 {
		if to := c.h.address(back); to != "" {
			return to
		}
	}
	return c.h.Path + c.view.Name
}

// doAction does it.
func (c *call) doAction() {
	posted, ok := c.read()
	if !ok || !c.permitted(c.view.Permission) || !c.permitted(c.act.Permission) {
		return
	}
	id, values := posted.Get(paramID), map[string]string{}
	if c.act.On == view.OnView {
		id = ""
	}
	for name := range posted {
		if f, ok := fieldName(name); ok {
			values[f] = posted.Get(name)
		}
	}
	order, err := c.act.Order(c.who, id, posted.Get(paramSeen), values, c.now)
	if err == nil && (c.act.On != view.OnView) != (id != "") || len(id) > mostID {
		c.gone()
		return
	}
	var done view.Done
	if err == nil {
		done, err = c.perform(order)
	}
	if err != nil {
		c.failed(err, posted, values)
		return
	}
	c.after(c.next(done, posted.Get(paramBack)), flash{Message: done.Message, Undo: done.Undo})
}

func fieldName(name string) (string, bool) {
	if len(name) > len(fieldPrefix) && name[:len(fieldPrefix)] == fieldPrefix {
		return name[len(fieldPrefix):], true
	}
	return "", false
}

// read takes the form that was sent, and answers where it is none.
func (c *call) read() (url.Values, bool) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, mostForm)
	if err := c.r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		c.problem(status)
		return nil, false
	}
	return c.r.PostForm, true
}

// perform puts the order on record, does it, and puts on record what became of it.
func (c *call) perform(o view.Order) (view.Done, error) {
	wait, cancel := context.WithTimeout(c.r.Context(), recordTime)
	defer cancel()
	if err := c.h.ground.Durably(wait, func() { c.h.ground.Events.Emit(c.event("console-action", event.Unknown, o.ID)) }); err != nil {
		return view.Done{}, unrecorded{err} // fail closed: what is not on record is not done
	}
	ctx, done := context.WithTimeout(c.r.Context(), actTime)
	defer done()
	d, err := c.act.Do(ctx, o)
	e := c.event("console-action", event.Success, o.ID)
	if err != nil {
		e.Outcome, e.Reason = event.Failure, view.Reason(err)
	}
	c.h.ground.Events.Emit(e)
	return d, err
}

// unrecorded is why an action was not begun.
type unrecorded struct{ error }

// failed shows the form again, with what it held, where that helps.
func (c *call) failed(err error, posted url.Values, values map[string]string) {
	status, wrong := http.StatusServiceUnavailable, ""
	var not unrecorded
	switch {
	case errors.As(err, &not):
		c.h.logger.Error("an action was not done, since the audit log does not take it", zap.Error(not.error), zap.String("request_id", c.rc.ID))
		wrong = "Nothing was done: the audit log does not take it now. Try again."
	case errors.Is(err, view.ErrNotFound):
		c.gone()
		return
	case errors.Is(err, view.ErrConflict):
		status, wrong = http.StatusConflict, words(err)
	case errors.Is(err, view.ErrMalformed):
		status, wrong = http.StatusUnprocessableEntity, words(err)
	case errors.Is(err, view.ErrRefused):
		status, wrong = http.StatusConflict, words(err)
	default:
		c.h.logger.Error("an action failed", zap.Error(err), zap.String("view", c.view.Name), zap.String("action", c.act.Name), zap.String("request_id", c.rc.ID))
		wrong = "It failed. The log of the gateway says why: look there for " + c.rc.ID + "."
	}
	f, ok := c.form(posted.Get(paramID), posted.Get(paramBack), values)
	if !ok {
		return
	}
	f.Wrong, f.Changed = wrong, errors.Is(err, view.ErrConflict)
	var conflict *view.Conflict
	if errors.As(err, &conflict) && len(conflict.Since) > 0 {
		f.Since = []sectionOf{c.section(view.Section{Title: "What was changed meanwhile", Timeline: conflict.Since})}
	}
	c.showForm(status, f)
}

// next is where an action leads.
func (c *call) next(d view.Done, back string) string {
	if to := c.h.address(d.Goto); to != "" {
		return to
	}
	return c.backOf(back)
}

// undo takes back what was done.
func (c *call) undo() {
	posted, ok := c.read()
	if !ok || !c.permitted(c.view.Permission) {
		return
	}
	id := posted.Get(paramDone)
	f, ok := c.peek(id)
	if !ok || f.Undo == nil {
		c.tooLate()
		return
	}
	a, v, ok := c.undoing(f.Undo)
	if !ok {
		c.gone()
		return
	}
	c.view, c.act = v, a
	if !c.permitted(a.Permission) {
		return
	}
	if _, ok := c.take(id); !ok {
		c.tooLate()
		return
	}
	order, err := a.Order(c.who, f.Undo.ID, "", f.Undo.Values, c.now)
	var done view.Done
	if err == nil {
		done, err = c.perform(order)
	}
	if err != nil {
		c.unmade(err)
		return
	}
	c.after(c.next(done, posted.Get(paramBack)), flash{Message: "Taken back. " + done.Message})
}

func (c *call) tooLate() {
	c.notice(http.StatusConflict, "It can't be taken back", "It was taken back already, or was done too long ago.")
}

// unmade says why something could not be taken back.
func (c *call) unmade(err error) {
	var not unrecorded
	text := "It changed meanwhile: look at it, and do what is needed."
	status := http.StatusConflict
	switch {
	case errors.As(err, &not):
		status, text = http.StatusServiceUnavailable, "Nothing was done: the audit log does not take it now."
	case errors.Is(err, view.ErrMalformed), errors.Is(err, view.ErrRefused):
		text = words(err)
	case !errors.Is(err, view.ErrNotFound) && !errors.Is(err, view.ErrConflict):
		status, text = http.StatusServiceUnavailable, c.failure(err, whatUndo)
	}
	c.notice(status, "It could not be taken back", text)
}

// factorPage has a form sent again once the second factor is given anew: nothing that was typed in is lost.
type factorPage struct {
	Login  string
	Post   string
	Fields []hidden
}

type hidden struct{ Name, Value string }

// askFactor answers a form that came too long after the second factor. The form has been read.
func (c *call) askFactor() {
	p := factorPage{Post: c.r.URL.Path}
	login := c.rc.LoginURL
	if login == "" {
		login = "/auth/login"
	}
	p.Login = login + "?" + url.Values{"return_to": {c.h.Path}}.Encode()
	for name, values := range c.r.PostForm {
		for _, v := range values {
			p.Fields = append(p.Fields, hidden{name, v})
		}
	}
	slices.SortFunc(p.Fields, func(a, b hidden) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	c.w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_user_authentication"`)
	c.rc.Problem = "step-up-required"
	c.render(http.StatusUnauthorized, "factor", frame{Title: "Your second factor is needed again", Main: p})
}

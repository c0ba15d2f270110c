package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/build"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/view"
)

const (
	mostOrder = 256 << 10        // bytes of an order
	viewTime  = 30 * time.Second // of one question; a stream goes on
)

// operator is who asks at the admin address: whoever reaches it may do everything.
var operator = view.Person{ID: "operator", Name: "operator", Roles: []string{"admin"}, May: func(context.Context, string) bool { return true }}

// orderJSON asks for an action.
type orderJSON struct {
	ID      string            `json:"id,omitempty"`      // of the item
	Version string            `json:"version,omitempty"` // of the item that was seen
	By      string            `json:"by,omitempty"`      // an id: it stands in events; default "operator"
	Values  map[string]string `json:"values,omitempty"`  // of the action's fields
}

// doneJSON is what became of it.
type doneJSON struct {
	Message string    `json:"message"`
	Undo    *undoJSON `json:"undo,omitempty"`
}

type undoJSON struct {
	View   string            `json:"view"`
	Action string            `json:"action"`
	ID     string            `json:"id,omitempty"`
	Values map[string]string `json:"values,omitempty"`
}

// serveViews lists them: what they are called, can be narrowed by, show and do.
func (a *App) serveViews(w http.ResponseWriter, _ *http.Request) error {
	return host.AnswerJSON(w, map[string]any{"views": a.ground.Views.Describe()})
}

func (a *App) view(r *http.Request) (*view.View, error) {
	v, ok := a.ground.Views.Get(r.PathValue("view"))
	if !ok {
		return nil, notFound("there is no such view: GET /gateway/views lists them")
	}
	return v, nil
}

func notFound(text string) error {
	return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New(text)}
}

// ask is the view and the question of a request. format is the only parameter that is no filter.
func (a *App) ask(r *http.Request) (v *view.View, q view.Query, format string, err error) {
	if v, err = a.view(r); err != nil {
		return v, q, "", err
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return v, q, "", host.BadRequest(fmt.Errorf("reading the query: %w", err))
	}
	format = values.Get("format")
	values.Del("format")
	q, err = v.Ask(values, operator, time.Now())
	return v, q, format, viewError(err)
}

// serveView answers with the rows: ?<filter>=…&sort=&after=&limit=, whole as ?format=csv, or its panels with ?format=panels.
func (a *App) serveView(w http.ResponseWriter, r *http.Request) error {
	v, q, format, err := a.ask(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), viewTime)
	defer cancel()
	switch {
	case format == "panels" || v.Rows == nil && format == "":
		if v.Panels == nil {
			return host.BadRequest(errors.New("the view has no panels"))
		}
		panels, err := v.Panels(ctx, q)
		if err != nil {
			return viewError(err)
		}
		return host.AnswerJSON(w, map[string]any{"panels": view.PanelsJSON(panels)})
	case format == "csv" && v.Rows != nil:
		w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		return viewError(v.Export(ctx, w, q, false))
	case format == "":
		page, err := v.Rows(ctx, q)
		if err != nil {
			return viewError(err)
		}
		return host.AnswerJSON(w, v.JSON(page))
	}
	return host.BadRequest(errors.New("format: it is csv or panels, or left out for a page of JSON"))
}

// serveItem shows one.
func (a *App) serveItem(w http.ResponseWriter, r *http.Request) error {
	v, err := a.view(r)
	if err != nil {
		return err
	}
	if v.Item == nil {
		return notFound("the view has no items")
	}
	ctx, cancel := context.WithTimeout(r.Context(), viewTime)
	defer cancel()
	i, err := v.Item(ctx, r.PathValue("id"))
	if err != nil {
		return viewError(err)
	}
	return host.AnswerJSON(w, view.ItemJSON(i))
}

// serveDocument makes a document of one.
func (a *App) serveDocument(w http.ResponseWriter, r *http.Request) error {
	v, err := a.view(r)
	if err != nil {
		return err
	}
	d, ok := v.Document(r.PathValue("document"))
	if !ok {
		return notFound("the view has no such document")
	}
	ctx, cancel := context.WithTimeout(r.Context(), viewTime)
	defer cancel()
	// Whole, before it is sent: an error is then an error and no half of a document.
	var b strings.Builder
	if err := d.Make(ctx, r.PathValue("id"), &b); err != nil {
		return viewError(err)
	}
	w.Header().Set("Content-Type", d.Kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.File(r.PathValue("id"))}))
	w.Header().Set("Cache-Control", "no-store")
	_, err = io.WriteString(w, b.String())
	return err
}

// serveLive sends rows as they happen, as server-sent events.
func (a *App) serveLive(w http.ResponseWriter, r *http.Request) error {
	v, q, _, err := a.ask(r)
	if err != nil {
		return err
	}
	if v.Live == nil {
		return notFound("the view has nothing live")
	}
	return viewError(v.StreamJSON(r.Context(), w, q))
}

// serveAction does something. Where an audit log is kept, it has who did it before it is done.
func (a *App) serveAction(w http.ResponseWriter, r *http.Request) error {
	v, err := a.view(r)
	if err != nil {
		return err
	}
	act, ok := v.Action(r.PathValue("action"))
	if !ok {
		return notFound("the view has no such action")
	}
	var in orderJSON
	if err := readJSON(w, r, mostOrder, &in); err != nil {
		return err
	}
	who := operator
	who.ID = cmp.Or(in.By, who.ID)
	if err := view.CheckID(who.ID); err != nil {
		return viewError(err)
	}
	if (in.ID == "") != (act.On == view.OnView) {
		return host.BadRequest(errors.New("id: name the item, for actions that are done to one, and none for others"))
	}
	o, err := act.Order(who, in.ID, in.Version, in.Values, time.Now())
	if err != nil {
		return viewError(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), viewTime)
	defer cancel()
	if err := a.ground.Durably(ctx, func() { a.ground.Events.Emit(actionEvent(v, act, &o, event.Unknown)) }); err != nil { // fail closed: nothing is done unseen
		return fmt.Errorf("nothing was done, since the audit log could not be written: %w", err)
	}
	done, err := act.Do(ctx, o)
	e := actionEvent(v, act, &o, event.Success)
	if err != nil {
		e.Outcome, e.Reason = event.Failure, view.Reason(err)
	}
	a.ground.Events.Emit(e)
	if err != nil {
		return viewError(err)
	}
	out := doneJSON{Message: done.Message}
	if u := done.Undo; u != nil {
		out.Undo = &undoJSON{u.View, u.Action, u.ID, u.Values}
	}
	return host.AnswerJSON(w, out)
}

// actionEvent says who does what to which item. What they wrote is in no event.
func actionEvent(v *view.View, act *view.Action, o *view.Order, outcome string) *event.Event {
	e := &event.Event{
		Category: "configuration", Action: "console-action", Outcome: outcome, UserID: o.Who.ID,
		Fields: []zap.Field{zap.String("gateway.console.view", v.Name), zap.String("gateway.console.action", act.Name)},
	}
	if o.ID != "" {
		e.Fields = append(e.Fields, zap.String("gateway.console.item", event.Cut(o.ID, 128)))
	}
	return e
}

// viewError is the answer to what a view says.
func viewError(err error) error {
	var status int
	switch {
	case err == nil:
		return nil
	case errors.Is(err, view.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, view.ErrMalformed):
		status = http.StatusBadRequest
	case errors.Is(err, view.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, view.ErrRefused):
		status = http.StatusUnprocessableEntity
	default:
		status = http.StatusInternalServerError
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

// serveOpenAPI describes these routes.
func (a *App) serveOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	return host.AnswerJSON(w, a.ground.Views.OpenAPI(build.Version()))
}

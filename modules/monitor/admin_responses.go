package monitor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

// responsesJSON is a page of responses.
type responsesJSON struct {
	Responses []respond.Response `json:"responses"`
	Next      string             `json:"next,omitempty"` // `after` of the next page
}

// orderJSON is what an operator wants done.
type orderJSON struct {
	Action   string `json:"action"`           // as "ban" or "ban 1h"
	Subject  string `json:"subject"`          // as client:192.0.2.7 or user:ID
	By       string `json:"by,omitempty"`     // an id: it stands in events; default "operator"
	Reason   string `json:"reason,omitempty"` // for other operators
	Incident string `json:"incident,omitempty"`
}

// measureJSON is what is in force.
type measureJSON struct {
	Kind     string          `json:"kind"`
	Subject  finding.Subject `json:"subject"`
	Created  time.Time       `json:"created"`
	Expires  time.Time       `json:"expires"`
	Response string          `json:"response,omitempty"`
}

var errNotWatching = caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("nothing is watched: `monitor` is off")}

func (a *App) desk() (*respond.Desk, error) {
	if a.work == nil {
		return nil, errNotWatching
	}
	return a.work.responses, nil
}

// serveResponses lists: ?state=&subject=&incident=&after=&limit=
func (a *App) serveResponses(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	desk, err := a.desk()
	if err != nil {
		return err
	}
	v := r.URL.Query()
	q := respond.Query{State: v.Get("state"), Incident: v.Get("incident"), After: v.Get("after")}
	if text := v.Get("subject"); text != "" {
		if q.Subject, err = finding.ParseSubject(text); err != nil {
			return host.BadRequest(err)
		}
	}
	if q.Limit, err = limitOf(v, respond.MostListed); err != nil {
		return err
	}
	all, err := desk.List(ctx, q)
	if err != nil {
		return workError(err)
	}
	out := responsesJSON{Responses: all}
	if len(all) == q.Limit {
		out.Next = all[len(all)-1].ID
	}
	return host.AnswerJSON(w, out)
}

// serveResponse shows one.
func (a *App) serveResponse(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	desk, err := a.desk()
	if err != nil {
		return err
	}
	one, err := desk.Get(ctx, r.PathValue("id"))
	if err != nil {
		return workError(err)
	}
	return host.AnswerJSON(w, one)
}

// serveOrder does what an operator says.
func (a *App) serveOrder(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	desk, err := a.desk()
	if err != nil {
		return err
	}
	var in orderJSON
	if err := readStrict(w, r, &in); err != nil {
		return err
	}
	o := respond.Order{By: cmp.Or(in.By, respond.ByOperator), Reason: in.Reason, Incident: in.Incident}
	if err := incident.CheckWho(o.By); err != nil {
		return host.BadRequest(err)
	}
	if o.Action, err = respond.ParseAction(in.Action); err != nil {
		return workError(err)
	}
	if o.Subject, err = finding.ParseSubject(in.Subject); err != nil {
		return host.BadRequest(err)
	}
	if err := a.belongs(ctx, in.Incident); err != nil {
		return err
	}
	out, err := desk.Order(ctx, o)
	if err != nil {
		return workError(err)
	}
	return host.AnswerJSON(w, out)
}

// belongs refuses an incident that there is not.
func (a *App) belongs(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	book, err := a.book()
	if err != nil {
		return err
	}
	if _, err := book.Show(ctx, id); err != nil {
		return workError(err)
	}
	return nil
}

// decision serves what an operator decides about a response.
func decision(word string) func(*App, http.ResponseWriter, *http.Request) error {
	return func(a *App, w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), adminTime)
		defer cancel()
		desk, err := a.desk()
		if err != nil {
			return err
		}
		by, err := readBy(w, r)
		if err != nil {
			return err
		}
		do := map[string]func(context.Context, string, string) (respond.Response, error){
			"approve": desk.Approve, "dismiss": desk.Dismiss, "undo": desk.Undo,
		}[word]
		out, err := do(ctx, r.PathValue("id"), by.By)
		if err != nil {
			return workError(err)
		}
		return host.AnswerJSON(w, out)
	}
}

// serveMeasures lists what is in force.
func (a *App) serveMeasures(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	all, err := a.ground.Measures.List(ctx, measure.Most)
	if err != nil {
		return workError(err)
	}
	out := make([]measureJSON, len(all))
	for i, m := range all {
		out[i] = measureJSON{m.Kind.String(), finding.Subject(m.Subject), m.Created, m.Expires, m.By}
	}
	return host.AnswerJSON(w, map[string]any{"measures": out, "stale": a.ground.Measures.Stale()})
}

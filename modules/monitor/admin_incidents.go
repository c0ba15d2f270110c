package monitor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/playbook"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

const (
	mostBody  = 64 << 10
	adminTime = 30 * time.Second // of one request
)

// incidentsJSON is a page of incidents.
type incidentsJSON struct {
	Incidents []incident.Incident `json:"incidents"`
	Next      string              `json:"next,omitempty"` // `after` of the next page
}

// incidentJSON is one with all that there is of it.
type incidentJSON struct {
	incident.Whole
	Responses  []respond.Response   `json:"responses"`
	Timeline   []incident.Moment    `json:"timeline"`
	Affected   []incident.Affected  `json:"affected"`
	Playbooks  []*playbook.Playbook `json:"playbooks"`             // for it, the one that fits best first
	AssignedTo string               `json:"assigned_to,omitempty"` // the assignee's user name
}

// byJSON says who does something, and what they write.
type byJSON struct {
	By   string `json:"by"` // an id: it stands in events; default "operator"
	Text string `json:"text,omitempty"`
}

var errNoIncidents = caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no incidents are kept: see `incidents` in the `monitor` block")}

// book is where incidents are kept.
func (a *App) book() (*incident.Book, error) {
	if a.work == nil || a.work.incidents == nil {
		return nil, errNoIncidents
	}
	return a.work.incidents, nil
}

// serveIncidents lists, narrowed as the view of incidents is: ?state=&level=&assignee=&technique=&subject=&text=&since=&sort=&after=&limit=
func (a *App) serveIncidents(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	values := r.URL.Query()
	if values.Get("state") == "acknowledged" { // as it was called before
		values.Set("state", incident.Triaged)
	}
	v := a.work.incidentsView()
	asked, err := v.Ask(values, view.Person{ID: respond.ByOperator}, time.Now())
	if err != nil {
		return host.BadRequest(err)
	}
	if values.Get(view.ParamLimit) == "" {
		asked.Limit = incident.MostListed
	}
	q, err := a.work.asked(ctx, asked)
	if err != nil {
		return host.BadRequest(err)
	}
	all, err := book.List(ctx, q)
	if err != nil {
		return workError(err)
	}
	out := incidentsJSON{Incidents: all}
	if len(all) == q.Limit {
		out.Next = all[len(all)-1].ID
	}
	return host.AnswerJSON(w, out)
}

// stateOf reads a state, "active" or nothing.
func stateOf(word string) (string, error) {
	if word == "" || word == incident.Active {
		return word, nil
	}
	state, ok := incident.ParseState(word)
	if !ok {
		return "", fmt.Errorf("state: it is active, %s", strings.Join(incident.States(), ", "))
	}
	return state, nil
}

func limitOf(v url.Values, most int) (int, error) {
	text := v.Get("limit")
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, host.BadRequest(fmt.Errorf("limit: write a number from 1 to %d", most))
	}
	return n, nil
}

// serveIncident shows one.
func (a *App) serveIncident(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	var out incidentJSON
	if out.Whole, err = book.Show(ctx, r.PathValue("id")); err != nil {
		return workError(err)
	}
	if out.Responses, err = a.work.responses.List(ctx, respond.Query{Incident: out.ID}); err != nil {
		return workError(err)
	}
	called := a.work.names()
	out.Timeline, out.Affected, out.Playbooks = out.Whole.Timeline(called.in(ctx), deeds(out.Responses)...), out.Whole.Affected(), a.work.playbooksFor(&out.Whole)
	out.AssignedTo = called.of(ctx, out.Owner)
	return host.AnswerJSON(w, out)
}

func (a *App) serveAcknowledgement(w http.ResponseWriter, r *http.Request) error {
	return a.onIncident(w, r, (*incident.Book).Acknowledge)
}

func (a *App) serveClosing(w http.ResponseWriter, r *http.Request) error {
	return a.onIncident(w, r, (*incident.Book).Close)
}

func (a *App) onIncident(w http.ResponseWriter, r *http.Request, do func(*incident.Book, context.Context, string, string) (incident.Incident, error)) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	by, err := readBy(w, r)
	if err != nil {
		return err
	}
	if by.Text != "" { // first: what is closed for a reason has it
		if err := book.Write(ctx, r.PathValue("id"), by.By, by.Text); err != nil {
			return workError(err)
		}
	}
	i, err := do(book, ctx, r.PathValue("id"), by.By)
	if err != nil {
		return workError(err)
	}
	return host.AnswerJSON(w, i)
}

// serveNote writes one.
func (a *App) serveNote(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	by, err := readBy(w, r)
	if err != nil {
		return err
	}
	if err := book.Write(ctx, r.PathValue("id"), by.By, by.Text); err != nil {
		return workError(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readBy reads who does something.
func readBy(w http.ResponseWriter, r *http.Request) (by byJSON, err error) {
	if err := readStrict(w, r, &by); err != nil {
		return by, err
	}
	by.By = cmp.Or(by.By, respond.ByOperator)
	if err := incident.CheckWho(by.By); err != nil {
		return by, host.BadRequest(err)
	}
	return by, nil
}

// readStrict reads a JSON body: what v does not know is refused. No body is an empty object.
func readStrict(w http.ResponseWriter, r *http.Request, v any) error {
	raw, err := host.ReadBody(w, r, mostBody)
	if err != nil || len(bytes.TrimSpace(raw)) == 0 {
		return err
	}
	return host.DecodeJSON(raw, v)
}

// workError is the answer to what incidents and responses say.
func workError(err error) error {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, incident.ErrNotFound), errors.Is(err, respond.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, incident.ErrMalformed), errors.Is(err, respond.ErrMalformed):
		status = http.StatusBadRequest
	case errors.Is(err, incident.ErrState), errors.Is(err, respond.ErrState), errors.Is(err, incident.ErrFull), errors.Is(err, incident.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, respond.ErrExempt), errors.Is(err, respond.ErrNoUndo), errors.Is(err, respond.ErrRefused):
		status = http.StatusUnprocessableEntity
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

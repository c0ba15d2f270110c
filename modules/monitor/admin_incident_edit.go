package monitor

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/playbook"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

// editJSON is what somebody changes of an incident. What is absent stays.
type editJSON struct {
	By       string   `json:"by"`                // an id: it stands in events; default "operator"
	Version  int64    `json:"version,omitempty"` // that they saw; where it is another one by now, nothing is changed (409)
	State    string   `json:"state,omitempty"`
	Assignee *string  `json:"assignee,omitempty"` // a user name or an id; "": nobody
	Verdict  *string  `json:"verdict,omitempty"`  // true or false; "": none
	Rule     string   `json:"rule,omitempty"`     // the verdict is of this rule alone
	Recovery *string  `json:"recovery,omitempty"`
	Lessons  *string  `json:"lessons,omitempty"`
	Append   bool     `json:"append,omitempty"` // recovery and lessons come after what is there
	Tag      []string `json:"tag,omitempty"`
	Untag    []string `json:"untag,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// serveEdit changes one: PATCH /gateway/incidents/{id}
func (a *App) serveEdit(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	var in editJSON
	if err := readStrict(w, r, &in); err != nil {
		return err
	}
	e := incident.Edit{
		Version: in.Version, Verdict: in.Verdict, Rule: in.Rule, Recovery: in.Recovery, Lessons: in.Lessons, Append: in.Append, Tag: in.Tag, Untag: in.Untag, Note: in.Note,
	}
	if in.State != "" {
		if e.State, err = stateOf(in.State); err != nil {
			return host.BadRequest(err)
		}
	}
	if in.Assignee != nil {
		id, err := a.work.who(ctx, *in.Assignee)
		if err != nil {
			return workError(err)
		}
		e.Owner = &id
	}
	i, err := book.Edit(ctx, r.PathValue("id"), cmp.Or(in.By, respond.ByOperator), e)
	if err != nil {
		return workError(err)
	}
	return host.AnswerJSON(w, i)
}

// tickJSON says that a step is done, or not.
type tickJSON struct {
	By   string `json:"by"`
	Done *bool  `json:"done,omitempty"` // default: it is
}

// serveTick: POST /gateway/incidents/{id}/steps/{playbook}/{step}
func (a *App) serveTick(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	var in tickJSON
	if err := readStrict(w, r, &in); err != nil {
		return err
	}
	id, p, step, err := a.work.parseStep(r.PathValue("id") + "/" + r.PathValue("playbook") + "/" + r.PathValue("step"))
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no playbook has this step: see GET /gateway/playbooks")}
	}
	if err := book.Tick(ctx, id, cmp.Or(in.By, respond.ByOperator), p, step, in.Done == nil || *in.Done); err != nil {
		return workError(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// playbooksJSON are the checklists that there are.
type playbooksJSON struct {
	Playbooks []*playbook.Playbook `json:"playbooks"`
}

// servePlaybooks: GET /gateway/playbooks
func (a *App) servePlaybooks(w http.ResponseWriter, _ *http.Request) error {
	if _, err := a.book(); err != nil {
		return err
	}
	return host.AnswerJSON(w, playbooksJSON{a.work.playbooks.All()})
}

// judgedJSON is what verdicts say of each rule.
type judgedJSON struct {
	Rules []incident.Judged `json:"rules"`
}

// servePrecision: GET /gateway/incidents/precision
func (a *App) servePrecision(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	book, err := a.book()
	if err != nil {
		return err
	}
	all, err := book.Precision(ctx)
	if err != nil {
		return workError(err)
	}
	return host.AnswerJSON(w, judgedJSON{all})
}

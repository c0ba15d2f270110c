package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/grant"
)

const (
	mostGrantBody    = 1 << 20
	mostGrantChanges = 1000             // in one request
	grantTime        = 10 * time.Second // of one request
)

// grantJSON is a grant in the admin API.
type grantJSON struct {
	Subject  string     `json:"subject,omitempty"`
	Relation string     `json:"relation,omitempty"`
	Object   string     `json:"object"`
	Expires  *time.Time `json:"expires,omitempty"` // RFC 3339; none: for good
	Since    *time.Time `json:"since,omitempty"`   // of those that are listed
}

// grantsJSON is a page of them.
type grantsJSON struct {
	Grants []grantJSON `json:"grants"`
	Next   string      `json:"next,omitempty"` // `after` of the next page
}

// grantChange is what a POST changes, all or nothing: what is in Remove first. There, an empty subject or relation means any.
type grantChange struct {
	Add     []grantJSON `json:"add,omitempty"`
	Remove  []grantJSON `json:"remove,omitempty"`
	Unknown bool        `json:"unknown,omitempty"` // names that no account has are meant so
}

// serveGrants lists: ?subject=&relation=&object=&type=&after=&limit=
func (a *App) serveGrants(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), grantTime)
	defer cancel()
	v := r.URL.Query()
	q := grant.Query{Subject: v.Get("subject"), Relation: v.Get("relation"), Object: v.Get("object"), Kind: v.Get("type"), After: v.Get("after")}
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > grant.MaxPage {
			return host.BadRequest(fmt.Errorf("limit: write a number from 1 to %d", grant.MaxPage))
		}
		q.Limit = n
	}
	page, err := a.grants.List(ctx, q)
	if err != nil {
		return grantError(err)
	}
	out := grantsJSON{Grants: make([]grantJSON, len(page.Entries)), Next: page.Next}
	for i, e := range page.Entries {
		out.Grants[i] = grantJSON{e.Subject, e.Relation, e.Object, pointer(e.Expires), pointer(e.Since)}
	}
	return host.AnswerJSON(w, out)
}

func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// serveGrantCheck says how a subject stands to an object: ?subject=&object=
func (a *App) serveGrantCheck(w http.ResponseWriter, r *http.Request) error {
	subject, object := r.URL.Query().Get("subject"), r.URL.Query().Get("object")
	if subject != grant.Everyone && !grant.IsPerson(subject) || !grant.IsObject(object) {
		return host.BadRequest(errors.New("subject must be a user name or *, and object type:id"))
	}
	out := struct {
		Relations       []string `json:"relations"`
		Parent          string   `json:"parent,omitempty"`
		ParentRelations []string `json:"parent_relations,omitempty"`
	}{Relations: []string{}}
	relations, err := a.grants.Relations(r.Context(), subject, object)
	if err == nil {
		out.Parent, err = a.grants.Parent(r.Context(), object)
	}
	if err == nil && out.Parent != "" {
		out.ParentRelations, err = a.grants.Relations(r.Context(), subject, out.Parent)
	}
	if err != nil {
		return grantError(err)
	}
	out.Relations = append(out.Relations, relations...)
	return host.AnswerJSON(w, out)
}

// serveGrantChange adds and removes.
func (a *App) serveGrantChange(w http.ResponseWriter, r *http.Request) error {
	raw, err := host.ReadBody(w, r, mostGrantBody)
	if err != nil {
		return err
	}
	add, remove, unknown, err := readGrantChange(raw, time.Now())
	if err != nil {
		return host.BadRequest(err)
	}
	return a.changeGrants(w, r, add, remove, unknown)
}

// serveGrantRemoval removes: ?object=&subject=&relation=, where the last two may be left out for any.
func (a *App) serveGrantRemoval(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	return a.changeGrants(w, r, nil, []grant.Grant{{Subject: v.Get("subject"), Relation: v.Get("relation"), Object: v.Get("object")}}, false)
}

func (a *App) changeGrants(w http.ResponseWriter, r *http.Request, add, remove []grant.Grant, unknown bool) error {
	ctx, cancel := context.WithTimeout(r.Context(), grantTime)
	defer cancel()
	ids, err := a.accountIDs(ctx, add, remove)
	if err != nil {
		return grantError(err)
	}
	if !unknown {
		for _, g := range add {
			if isLocal(g) && ids[g.Subject] == "" { // whoever is called so one day would have what was meant for somebody else
				return caddy.APIError{HTTPStatus: http.StatusUnprocessableEntity, Err: fmt.Errorf("no account is called %q: if it is meant so, say unknown (--unknown, or \"unknown\": true)", g.Subject)}
			}
		}
	}
	if err := a.grants.Apply(ctx, add, remove); err != nil {
		return grantError(err)
	}
	a.tellOfGrants(byAdminAPI, addressOf(r), ids, add, remove)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// isLocal tells whether the subject is a name that only an account here can have.
func isLocal(g grant.Grant) bool {
	return g.Relation != grant.Parent && g.Subject != "" && g.Subject != grant.Everyone && !strings.Contains(g.Subject, "@")
}

// readGrantChange reads a change strictly: what it does not know it refuses.
func readGrantChange(raw []byte, now time.Time) (add, remove []grant.Grant, unknown bool, err error) {
	var c grantChange
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, nil, false, fmt.Errorf("the change: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, false, errors.New("something follows the change")
	}
	switch n := len(c.Add) + len(c.Remove); {
	case n == 0:
		return nil, nil, false, errors.New("there is nothing to add or to remove")
	case n > mostGrantChanges:
		return nil, nil, false, fmt.Errorf("%d changes at once: at most %d", n, mostGrantChanges)
	}
	for _, g := range c.Add {
		read := grant.Grant{Subject: g.Subject, Relation: g.Relation, Object: g.Object}
		if g.Expires != nil {
			if read.Expires = *g.Expires; !read.Expires.After(now) {
				return nil, nil, false, fmt.Errorf("a grant on %q would have ended before it began", g.Object)
			}
		}
		add = append(add, read)
	}
	for _, g := range c.Remove {
		remove = append(remove, grant.Grant{Subject: g.Subject, Relation: g.Relation, Object: g.Object})
	}
	return add, remove, c.Unknown, nil
}

// grantError is the answer to what the store says.
func grantError(err error) error {
	switch {
	case errors.Is(err, grant.ErrMalformed):
		return host.BadRequest(err)
	case errors.Is(err, grant.ErrFull), errors.Is(err, grant.ErrParent):
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
	}
	return err
}

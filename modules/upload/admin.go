package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/upload/quarantine"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gw_upload: what operators ask of the quarantine of a running gateway, at the admin address of Caddy, which checks
// who may come. It needs no gw_upload: what was kept is there, whatever the configuration says now.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gw_upload", New: func() caddy.Module { return new(admin) }}
}

// grounded is what of the app gateway is needed.
type grounded interface{ Ground() *ground.Ground }

// Routes implements caddy.AdminRouter.
func (admin) Routes() []caddy.AdminRoute {
	return host.AdminRoutes("gateway", grounded.Ground, map[string]func(grounded, http.ResponseWriter, *http.Request) error{
		"GET /gateway/quarantine":                 onBook(serveList),
		"GET /gateway/quarantine/{id}":            onBook(serveItem),
		"GET /gateway/quarantine/{id}/content":    onBook(serveContent),
		"POST /gateway/quarantine/{id}/release":   onBook(serveRelease),
		"DELETE /gateway/quarantine/{id}":         onBook(serveDelete),
		"GET /gateway/released-uploads":           onBook(serveReleased),
		"DELETE /gateway/released-uploads/{hash}": onBook(serveRevoke),
	})
}

const adminTime = 5 * time.Minute // of one request: files are read slowly where the admin address is far

// desk is one question of an operator.
type desk struct {
	*quarantine.Book
	events *event.Bus
	ctx    context.Context
	w      http.ResponseWriter
	r      *http.Request
}

func onBook(serve func(desk) error) func(grounded, http.ResponseWriter, *http.Request) error {
	return func(app grounded, w http.ResponseWriter, r *http.Request) error {
		g := app.Ground()
		b, err := quarantine.Open(bookOptions(g))
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), adminTime)
		defer cancel()
		err = serve(desk{b, g.Events, ctx, w, r})
		switch {
		case errors.Is(err, quarantine.ErrNone):
			return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
		case errors.Is(err, quarantine.ErrElsewhere):
			return caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
		}
		return err
	}
}

// itemJSON is a file in quarantine.
type itemJSON struct {
	ID        string     `json:"id"`
	Node      string     `json:"node"`
	Here      bool       `json:"here"` // on the gateway that is asked
	At        time.Time  `json:"at"`
	Expires   time.Time  `json:"expires"`
	Released  *time.Time `json:"released,omitempty"`
	Name      string     `json:"name,omitempty"`
	Size      int64      `json:"size"`
	SHA256    string     `json:"sha256"`
	Type      string     `json:"type,omitempty"`
	Findings  []string   `json:"findings"`
	Signature string     `json:"signature,omitempty"`
	Route     string     `json:"route,omitempty"`
	Request   string     `json:"request,omitempty"`
	User      string     `json:"user,omitempty"` // id
}

func (d desk) json(i quarantine.Item) itemJSON {
	j := itemJSON{
		ID: i.ID, Node: i.Node, Here: i.Node == d.Node(), At: i.At, Expires: i.Expires, Name: i.Name, Size: i.Size, SHA256: i.SHA256, Type: i.Type,
		Findings: i.Rules, Signature: i.Signature, Route: i.Route, Request: i.Request, User: i.Account,
	}
	if !i.Released.IsZero() {
		j.Released = &i.Released
	}
	return j
}

// listJSON is a page.
type listJSON struct {
	Files []itemJSON `json:"files"`
	Next  string     `json:"next,omitempty"` // `before` of the next page
}

// serveList lists, the newest first: ?before=&limit=
func serveList(d desk) error {
	q, limit := d.r.URL.Query(), quarantine.MostListed
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > quarantine.MostListed {
			return host.BadRequest(fmt.Errorf("limit: write a number from 1 to %d", quarantine.MostListed))
		}
		limit = n
	}
	items, err := d.List(d.ctx, q.Get("before"), limit)
	if err != nil {
		return err
	}
	out := listJSON{Files: make([]itemJSON, len(items))}
	for i, item := range items {
		out.Files[i] = d.json(item)
	}
	if len(items) == limit {
		out.Next = items[limit-1].ID
	}
	return host.AnswerJSON(d.w, out)
}

func serveItem(d desk) error {
	i, err := d.Get(d.ctx, d.r.PathValue("id"))
	if err != nil {
		return err
	}
	return host.AnswerJSON(d.w, d.json(i))
}

// serveContent gives what a file holds. Who reads it checks its hash: an error in the middle can only break the answer off.
func serveContent(d desk) error {
	i, err := d.Get(d.ctx, d.r.PathValue("id"))
	if err != nil {
		return err
	}
	if i.Node != d.Node() {
		return d.Export(d.ctx, i.ID, d.w) // which says where it is
	}
	d.tell("quarantine-exported", "what a file in quarantine holds was given out", i.ID, i.SHA256)
	h := d.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
	h.Set("X-Content-Type-Options", "nosniff")
	return d.Export(d.ctx, i.ID, d.w)
}

func serveRelease(d desk) error {
	i, err := d.Release(d.ctx, d.r.PathValue("id"))
	if err != nil {
		return err
	}
	d.tell("quarantine-released", "an operator allows what a file in quarantine holds", i.ID, i.SHA256)
	return host.AnswerJSON(d.w, d.json(i))
}

func serveDelete(d desk) error {
	i, err := d.Delete(d.ctx, d.r.PathValue("id"))
	if err != nil {
		return err
	}
	d.tell("quarantine-deleted", "an operator deleted a file in quarantine", i.ID, i.SHA256)
	d.w.WriteHeader(http.StatusNoContent)
	return nil
}

// releasedJSON is a hash that is allowed.
type releasedJSON struct {
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
}

func serveReleased(d desk) error {
	all, err := d.AllAllowed(d.ctx)
	if err != nil {
		return err
	}
	out := make([]releasedJSON, len(all))
	for i, a := range all {
		out[i] = releasedJSON(a)
	}
	return host.AnswerJSON(d.w, map[string]any{"released": out})
}

func serveRevoke(d desk) error {
	sum, err := quarantine.ParseHash(d.r.PathValue("hash"))
	if err != nil {
		return host.BadRequest(err)
	}
	if err := d.Revoke(d.ctx, sum); err != nil {
		return err
	}
	d.tell("quarantine-revoked", "an operator allows a released upload no longer", "", sum)
	d.w.WriteHeader(http.StatusNoContent)
	return nil
}

// tell emits the event of what an operator did.
func (d desk) tell(action, reason, id, sum string) {
	e := &event.Event{Time: time.Now(), Category: "configuration", Action: action, Outcome: event.Success, Reason: reason}
	e.Fields = append(e.Fields, zap.String("gateway.upload.sha256", sum))
	if id != "" {
		e.Fields = append(e.Fields, zap.String("gateway.upload.quarantine", id))
	}
	d.events.Emit(e)
}

// Interface guard.
var _ caddy.AdminRouter = admin{}

package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/view"
)

// flash is what became of an action: the next page says it, and may take it back. It waits in the store, for the session that acted alone: nobody's
// link can put words on the page, or choose what is undone.
type flash struct {
	ID      string `json:"-"`
	Message string
	Undo    *view.Undo `json:",omitempty"`
}

const (
	flashFor  = 10 * time.Minute
	mostFlash = 60 << 10 // bytes; the store takes 64 KiB
)

func (c *call) flashKey(id string) string {
	return store.Key("console-done", c.who.Session, id)
}

// keep puts a flash by, and returns its id; "" where the store does not take it.
func (c *call) keep(f flash) string {
	body, err := json.Marshal(f)
	if err == nil && len(body) > mostFlash {
		f.Undo = nil
		body, err = json.Marshal(f)
	}
	id := rand.Text()
	if err == nil {
		ctx, cancel := context.WithTimeout(c.r.Context(), 2*time.Second)
		defer cancel()
		err = c.h.ground.Store.Set(ctx, c.flashKey(id), body, flashFor)
	}
	if err != nil {
		c.h.logger.Warn("what became of an action could not be kept for the next page", zap.Error(err), zap.String("request_id", c.rc.ID))
		return ""
	}
	return id
}

// flash is what was kept, for the page to say. Where the store does not say, or has it no more, nothing is said.
func (c *call) flash(id string) *flash {
	f, ok := c.peek(id)
	if !ok {
		return nil
	}
	if f.Undo != nil { // only where the person may
		if a, _, ok := c.undoing(f.Undo); !ok || !c.may(a.Permission) {
			f.Undo = nil
		}
	}
	return f
}

// peek returns what was kept, and leaves it; take takes it: of two who take back the same, one does.
func (c *call) peek(id string) (*flash, bool) { return c.kept(id, c.h.ground.Store.Get) }
func (c *call) take(id string) (*flash, bool) { return c.kept(id, c.h.ground.Store.Take) }

func (c *call) kept(id string, get func(context.Context, string) ([]byte, bool, error)) (*flash, bool) {
	if id == "" || len(id) > 64 {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), 2*time.Second)
	defer cancel()
	body, ok, err := get(ctx, c.flashKey(id))
	if err != nil || !ok {
		return nil, false
	}
	f := &flash{ID: id}
	return f, json.Unmarshal(body, f) == nil
}

// undoing is the action that an undo is.
func (c *call) undoing(u *view.Undo) (*view.Action, *view.View, bool) {
	v, ok := c.h.ground.Views.Get(u.View)
	if !ok {
		return nil, nil, false
	}
	a, ok := v.Action(u.Action)
	return a, v, ok
}

// after goes on to a page that says what became of an action.
func (c *call) after(to string, f flash) {
	u, err := url.Parse(to)
	id := c.keep(f)
	if err != nil || id == "" {
		c.redirect(to)
		return
	}
	q := u.Query()
	q.Set(paramDone, id)
	u.RawQuery = q.Encode()
	c.redirect(u.String())
}

package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// How long emergency access lasts.
const (
	defaultBreakGlass  = 15 * time.Minute
	shortestBreakGlass = time.Minute
	longestBreakGlass  = 4 * time.Hour
)

func (a *App) parseBreakGlass(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	dur, err := caddy.ParseDuration(d.Val())
	if err == nil {
		err = checkBreakGlass(dur)
	}
	if err != nil {
		return d.WrapErr(err)
	}
	a.BreakGlass = caddy.Duration(dur)
	return nil
}

func checkBreakGlass(dur time.Duration) error {
	if dur != 0 && (dur < shortestBreakGlass || dur > longestBreakGlass) {
		return fmt.Errorf("break_glass %s: write a duration from 1m to 4h, as 15m", dur)
	}
	return nil
}

// errNoSession says that emergency access is a person's who has signed in, in that session.
var errNoSession = errors.New("emergency access is for a session of somebody who has signed in")

func emergencyGrant(id *reqctx.Identity) (grant.Grant, error) {
	if id == nil || id.Kind != reqctx.KindPerson || id.Session == "" || id.Scopes != nil {
		return grant.Grant{}, errNoSession
	}
	return grant.Grant{Subject: id.Name, Relation: grant.BreakGlass, Object: grant.SessionObject(id.Session)}, nil
}

// recordTime is how long emergency access waits to be on the disk.
const recordTime = 5 * time.Second

// TakeBreakGlass gives the request's session emergency access for a while. Whether they may have it is decided before (permission break-glass);
// the reason they give is recorded. Errors: grant.ErrReason.
func (a *App) TakeBreakGlass(ctx context.Context, rc *reqctx.Request, reason string) (until time.Time, err error) {
	if reason, err = grant.Reason(reason); err != nil {
		return time.Time{}, err
	}
	g, err := emergencyGrant(rc.Identity)
	if err != nil {
		return time.Time{}, err
	}
	g.Expires = time.Now().Add(time.Duration(a.BreakGlass)).Truncate(time.Second)
	err = a.grants.Apply(ctx, []grant.Grant{g}, nil)
	wait, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	unrecorded := a.ground.Durably(wait, func() {
		a.breakGlassEvent(rc, "break-glass", err,
			zap.String("gateway.break_glass.reason", reason), zap.Time("gateway.break_glass.until", g.Expires))
	})
	if err == nil && unrecorded != nil {
		// Fail closed: nobody has emergency access of which the audit log does not tell afterwards.
		err = errors.Join(unrecorded, a.grants.Apply(context.WithoutCancel(ctx), nil, []grant.Grant{g}))
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("taking emergency access: %w", err)
	}
	return g.Expires, nil
}

// EndBreakGlass takes it away again.
func (a *App) EndBreakGlass(ctx context.Context, rc *reqctx.Request) error {
	g, err := emergencyGrant(rc.Identity)
	if err != nil {
		return err
	}
	err = a.grants.Apply(ctx, nil, []grant.Grant{g})
	a.breakGlassEvent(rc, "break-glass-ended", err)
	if err != nil {
		return fmt.Errorf("ending emergency access: %w", err)
	}
	return nil
}

// BreakGlassUntil tells until when the session has it; zero: it has none.
func (a *App) BreakGlassUntil(ctx context.Context, id *reqctx.Identity) (time.Time, error) {
	return a.grants.EmergencyUntil(ctx, id.Name, id.Session)
}

func (a *App) breakGlassEvent(rc *reqctx.Request, action string, err error, fields ...zap.Field) {
	e := &event.Event{Category: "iam", Action: action, Outcome: event.Success, Fields: fields}
	if err != nil {
		e.Outcome = event.Failure
	}
	a.ground.Events.Emit(e.About(rc))
}

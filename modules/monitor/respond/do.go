package respond

import (
	"context"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

var errNoAccounts = errors.New("this gateway has no accounts")

// do does it. Whoever is exempt is so here, too, whatever was planned.
func (d *Desk) do(ctx context.Context, r *Response) error {
	if kind, ok := measure.ParseKind(r.Action); ok {
		return d.Measures.Put(ctx, measure.Measure{Subject: measure.Subject(r.Subject), Kind: kind, Created: r.Applied, Expires: r.Expires, By: r.ID})
	}
	switch r.Action {
	case Ban:
		p, err := ban.Parse(r.Subject.ID)
		if err != nil {
			return err
		}
		return d.Bans.Add(ctx, ban.Ban{Prefix: p, Reason: "a response: " + r.ID, Source: ban.Monitor, Expires: r.Expires})
	case EndSessions:
		switch {
		case d.Accounts == nil:
			return errNoAccounts
		case r.Subject.Kind == finding.Session:
			return d.Accounts.EndOneSession(ctx, r.Subject.ID)
		}
		return d.Accounts.EndSessionsOf(ctx, r.Subject.ID)
	case LockAccount:
		if d.Accounts == nil {
			return errNoAccounts
		}
		return d.Accounts.LockAccount(ctx, r.Subject.ID, true)
	case Webhook:
		return errors.New("no webhook is configured")
	}
	return fmt.Errorf("%w: %s", ErrMalformed, r.Action)
}

// undo takes back what is in force. What has ended by itself is no error.
func (d *Desk) undo(ctx context.Context, r *Response) error {
	if kind, ok := measure.ParseKind(r.Action); ok {
		err := d.Measures.Lift(ctx, measure.Subject(r.Subject), kind, r.ID)
		if errors.Is(err, measure.ErrNone) {
			return nil // or another response's has taken its place
		}
		return err
	}
	switch r.Action {
	case Ban:
		p, err := ban.Parse(r.Subject.ID)
		if err != nil {
			return err
		}
		if err := d.Bans.Withdraw(ctx, p, ban.Monitor); err != nil && !errors.Is(err, ban.ErrNone) {
			return err
		}
		return nil
	case LockAccount:
		if d.Accounts == nil {
			return errNoAccounts
		}
		return d.Accounts.LockAccount(ctx, r.Subject.ID, false)
	}
	return fmt.Errorf("%w: %s", ErrNoUndo, r.Action)
}

package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// addViews describes what of the ground is shown to those who run the gateway.
func (a *App) addViews() {
	a.ground.Views.Add(a.bansView(), a.challengesView(), a.keysView(), a.outputsView())
	if a.log != nil {
		a.ground.Views.Add(a.auditView())
	}
	if a.backups != nil {
		a.ground.Views.Add(a.backupsView())
	}
}

// errAdminOnly refuses part of an action that others may do.
var errAdminOnly = fmt.Errorf("%w: only administrators may do this", view.ErrRefused)

// mayAll tells whether somebody may do what only administrators do. Who can't be asked about may not (closed).
func mayAll(ctx context.Context, p view.Person) bool { return p.May != nil && p.May(ctx, view.Admin) }

// because makes one of the errors that a view's readers know of err, where it is one of these.
func because(known error, err error, these ...error) error {
	for _, e := range these {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", known, err)
		}
	}
	return nil
}

// settleTime is how long an action waits for what it changed to be seen here.
const settleTime = 2 * time.Second

// settle waits until a change that was made in the database is in memory, too, so that whoever made it sees it. Where the feed is late they see it later.
func settle(ctx context.Context, seen func() bool) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for !seen() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// timeCell is a time as a cell; nil where there is none.
func timeCell(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/review"
)

// holdings is the app gw_identity, as far as reviews revoke by it.
type holdings interface {
	RevokeRole(ctx context.Context, by, session, account, role string) error
	RevokeHeld(ctx context.Context, by, session, id string) error
}

// relations is the app gw_policy, as far as reviews revoke by it.
type relations interface {
	RevokeGrant(ctx context.Context, subject, relation, object string) error
}

// means revokes by the apps that there are.
type means struct {
	holdings  holdings  // nil: none
	relations relations // nil: none
}

var errNoMeans = fmt.Errorf("%w: this gateway can't revoke it", view.ErrRefused)

// RevokeRole implements review.Means.
func (m means) RevokeRole(ctx context.Context, by review.By, account, role string) error {
	if m.holdings == nil {
		return errNoMeans
	}
	return m.holdings.RevokeRole(ctx, by.ID, by.Session, account, role)
}

// RevokeHeld implements review.Means.
func (m means) RevokeHeld(ctx context.Context, by review.By, id string) error {
	if m.holdings == nil {
		return errNoMeans
	}
	return m.holdings.RevokeHeld(ctx, by.ID, by.Session, id)
}

// RevokeGrant implements review.Means.
func (m means) RevokeGrant(ctx context.Context, subject, relation, object string) error {
	if m.relations == nil {
		return errNoMeans
	}
	return m.relations.RevokeGrant(ctx, subject, relation, object)
}

// openReviews keeps access reviews.
func (a *App) openReviews(ctx caddy.Context) error {
	var m means
	var err error
	if m.holdings, err = host.App[holdings](ctx, "gw_identity"); err != nil && !errors.Is(err, caddy.ErrNotConfigured) {
		return fmt.Errorf("reviews: %w", err)
	}
	if m.relations, err = host.App[relations](ctx, "gw_policy"); err != nil && !errors.Is(err, caddy.ErrNotConfigured) {
		return fmt.Errorf("reviews: %w", err)
	}
	g := a.ground
	a.reviews = &review.Desk{DB: g.DB, Events: g.Events, Durably: g.Durably, Means: m, Now: time.Now}
	g.Views.Add(a.reviewsView(), a.reviewLinesView())
	run, ends := context.WithCancel(context.Background()) // it ends with Cleanup
	var running sync.WaitGroup
	a.begin = append(a.begin, func() { running.Go(func() { a.pruneReviews(run) }) })
	a.give = append(a.give, func() error {
		ends()
		running.Wait()
		return nil
	})
	return nil
}

// pruneReviews forgets old reviews, once a day.
func (a *App) pruneReviews(ctx context.Context) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.reviews.Prune(ctx); err != nil && ctx.Err() == nil {
				a.logger.Error("forgetting old access reviews", zap.Error(err))
			}
		}
	}
}

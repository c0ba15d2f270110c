// Package ground is what the gateway app lends to every handler and app: store, database, keys, events, places, tiers.
package ground

import (
	"context"
	"sync/atomic"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/drain"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/expiry"
	"github.com/convosphere/gateway/modules/internal/geo"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
	"github.com/convosphere/gateway/modules/internal/trace"
	"github.com/convosphere/gateway/modules/internal/view"
)

// Ground is one configuration's set of resources. The same resource serves several configurations in turn when
// a reload does not change it. A reload does not wait for requests, so a request holds the ground while it uses it.
type Ground struct {
	DataDir  string
	Node     string // what this node is called: in its events, in what it signs
	Store    store.Store
	DB       *database.DB
	Feed     *database.Feed // of DB
	Keys     *keyring.Ring
	Events   *event.Bus
	DataKeys *keyset.Sets  // of what is encrypted for the back end
	Places   *geo.Reader   // nil where no country file is configured
	Networks *geo.Reader   // nil where no file of networks is configured
	Tiers    *tier.Table   // what the policy said of subjects; nil knows nothing
	Abuse    *abuse.Table  // scores of clients that misbehave; nil knows nothing
	Bans     *ban.List     // who may not come; nil bans nobody
	Measures *measure.View // what is done to whom for a while; nil knows of nothing
	Risk     *risk.Table   // how unusual clients and people behave; nil knows nothing

	Tracer *trace.Tracer // of requests; nil traces none

	Audit  Audit        // nil where no audit log is kept
	Drain  *drain.Drain // the open sockets, which must go when the process ends; nil knows none
	Health *health.Set  // how the parts are; nil takes none
	Expiry *expiry.Set  // when certificates end; nil takes none
	Views  *view.Set    // what the parts show to those who run the gateway; nil takes none

	refs  atomic.Int64
	close func()
}

// Audit is the log that can't be altered unseen: *auditlog.Log.
type Audit interface {
	// Durable has emit hand events to the bus, and returns when they are on the disk and signed; an error where that is not known.
	Durable(ctx context.Context, emit func()) error
}

// Durably emits events, and waits until the audit log has them. Where none is kept it waits for nothing.
func (g *Ground) Durably(ctx context.Context, emit func()) error {
	if g.Audit == nil {
		emit()
		return nil
	}
	return g.Audit.Durable(ctx, emit)
}

// New makes a ground held once, by the app; close runs when the last holder lets go.
func New(g *Ground, close func()) *Ground {
	g.close = close
	g.refs.Store(1)
	return g
}

// Hold keeps the resources open until release is called, once. Requests and sockets do so:
//
//	defer g.Hold()()
//
// A nil Ground (no gateway app) is held for nothing.
func (g *Ground) Hold() (release func()) {
	if g == nil {
		return func() {}
	}
	g.refs.Add(1)
	return g.Release
}

// Release lets go. The app calls it for the hold that New made.
func (g *Ground) Release() {
	if g.refs.Add(-1) == 0 {
		g.close()
	}
}

package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/master"
)

// openDataKeys opens the key sets of g's database, unless another configuration has them open.
func openDataKeys(ctx context.Context, a *App, g *ground.Ground, releases *[]func() error) (*keyset.Sets, error) {
	name := a.Database + "\x00" + a.DataDir + "\x00" + a.Keys
	sets, release, err := acquire("data_keys", name, func() (*keyset.Sets, func() error, error) {
		s, err := keyset.Open(ctx, keyset.Options{DB: g.DB, Feed: g.Feed, Events: g.Events, Now: time.Now, Master: master.FromRing(g.Keys)})
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	*releases = append(*releases, release)
	return sets, nil
}

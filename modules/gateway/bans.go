package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/ground"
)

// openBans reads the bans of g's database, unless another configuration has them in memory.
func openBans(ctx context.Context, a *App, g *ground.Ground, releases *[]func() error) (*ban.List, error) {
	book, release, err := acquire("bans", a.Database, func() (*ban.Book, func() error, error) {
		b, err := ban.Open(ctx, g.DB, g.Feed, time.Now)
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	*releases = append(*releases, release)
	return book.View(ban.Options{}), nil
}

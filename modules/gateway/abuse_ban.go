package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/store"
)

// sameBan is within what time gateways that want to ban one client mean the same ban.
const sameBan = 30 * time.Second

// keepOut bans a client for as long as it was banned often: of the gateways of a fleet one does.
func (a *App) keepOut(c abuse.Config) func(context.Context, netip.Prefix) (time.Duration, error) {
	g, logger := a.ground, a.logger
	return func(ctx context.Context, client netip.Prefix) (time.Duration, error) {
		if _, banned := g.Bans.Banned(client.Addr()); banned {
			return 0, nil
		}
		claim := claimOf(client)
		// Where the store can't be asked each gateway bans: a ban that counts twice is better than none.
		if first, err := g.Store.Add(ctx, claim, []byte{'1'}, min(sameBan, c.First)); err == nil && !first {
			return 0, nil
		}
		d, err := addBan(ctx, g.Bans, c, client)
		if errors.Is(err, ban.ErrExempt) {
			return 0, nil
		}
		if err != nil {
			logger.Error("a client that misbehaves can't be banned; the next thing that it does tries again", zap.Stringer("client", client), zap.Error(err))
			return 0, errors.Join(err, g.Store.Delete(ctx, claim))
		}
		return d, nil
	}
}

// claimOf is the key that the gateway holds that bans a client.
func claimOf(client netip.Prefix) string { return store.Key("abuse", "ban", client.String()) }

func addBan(ctx context.Context, bans *ban.List, c abuse.Config, client netip.Prefix) (time.Duration, error) {
	before, err := bans.History(ctx, client)
	if err != nil {
		return 0, fmt.Errorf("asking how often a client was banned: %w", err)
	}
	d := c.BanFor(before)
	return d, bans.Add(ctx, ban.Ban{Prefix: client, Reason: "misbehaviour: its score", Source: ban.Abuse, Expires: time.Now().Add(d)})
}

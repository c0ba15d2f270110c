package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/gateway/configs"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
)

// configurationsIn is the folder of a data folder that has the configurations which were in force.
func configurationsIn(dataDir string) string { return filepath.Join(dataDir, "configurations") }

// startKeeping has the configuration kept that comes in force, until stop. Caddy tells what is in force at its admin endpoint alone, and waits there until the load
// has ended: so it is asked beside the load. Where there is no endpoint, or it can't be kept, the gateway goes on, and the log says so (open): a record of
// configurations must not keep one from being mended.
func (a *App) startKeeping() (stop func()) {
	address, off := adminAddress(a.ctx)
	if off {
		a.logger.Info("without an admin endpoint configurations are not kept")
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.keepConfiguration(ctx, address); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			a.logger.Warn("the configuration is not kept", zap.Error(err))
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// adminAddress is where the configuration has Caddy's admin endpoint; off: it has none.
func adminAddress(ctx caddy.Context) (address string, off bool) {
	admin := host.AdminOf(ctx)
	if inforce.True(admin, "disabled") {
		return "", true
	}
	if address = inforce.Text(admin, "listen"); address == "" {
		address = caddy.DefaultAdminListen
	}
	return address, false
}

func (a *App) keepConfiguration(ctx context.Context, address string) error {
	raw, err := askConfiguration(ctx, address)
	if err != nil {
		return err
	}
	v, fresh, err := configs.Book{Dir: configurationsIn(a.DataDir), Keys: a.ground.Keys}.Keep(raw, time.Now())
	if err != nil || !fresh {
		return err
	}
	a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "configuration-kept", Outcome: event.Success, Fields: []zap.Field{
		zap.Int("gateway.configuration.version", v.Number), zap.String("gateway.configuration.digest", v.Digest),
	}})
	return nil
}

func askConfiguration(ctx context.Context, address string) (json.RawMessage, error) {
	at, err := caddy.ParseNetworkAddressWithDefaults(address, "tcp", 2019)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, at.Network, at.JoinHostPort(0))
	}}
	host := at.JoinHostPort(0)
	if at.IsUnixNetwork() {
		host = "127.0.0.1"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/config/", nil)
	if err != nil {
		return nil, err
	}
	if at.IsUnixNetwork() {
		r.Host = "" // Caddy's check of hosts wants that of a unix socket to be empty
	} else {
		r.Header.Set("Origin", "http://"+host)
	}
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, configs.MostBytes+1))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New("the admin endpoint answers " + resp.Status)
	}
	return raw, errors.Join(err, resp.Body.Close())
}

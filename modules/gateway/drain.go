package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/drain"
	"github.com/convosphere/gateway/modules/internal/host"
)

const (
	defaultDrain = 10 * time.Second
	mostDrain    = 10 * time.Minute
	// For the last socket that is told: internal/wsframe takes 9 s at most.
	lastSocket = 10 * time.Second
)

// parseDrain reads `drain <duration>|off`.
func (a *App) parseDrain(d *caddyfile.Dispenser) error {
	var arg string
	if err := one(d, &arg); err != nil {
		return err
	}
	if arg == "off" {
		a.DrainOver = -1
		return nil
	}
	over, err := caddy.ParseDuration(arg)
	if err != nil {
		return d.Errf("drain: %v: write it as in: drain 10s", err)
	}
	if over <= 0 {
		return d.Err("drain: it is above 0, or off")
	}
	a.DrainOver = caddy.Duration(over)
	if err := checkDrain(a.DrainOver); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func checkDrain(over caddy.Duration) error {
	if time.Duration(over) > mostDrain {
		return fmt.Errorf("drain: %s is over 10m, which no service manager waits for", time.Duration(over))
	}
	return nil
}

// openDrain takes the open sockets, which are the process's: those of earlier configurations must go, too.
func openDrain(a *App, releases *[]func() error) (*drain.Drain, error) {
	if a.DrainOver < 0 {
		return nil, nil
	}
	d, release, err := acquire("drain", a.DataDir, func() (*drain.Drain, func() error, error) {
		d := drain.New()
		return d, func() error {
			d.Close()
			return nil
		}, nil
	})
	if err != nil {
		return nil, err
	}
	*releases = append(*releases, release)
	return d, nil
}

// hearCaddy has the app told when all apps have started, and that the configuration ends before any app is stopped: Caddy starts and stops them in the order of a
// map, and the HTTP app alone takes its shutdown_delay and its grace period.
func (a *App) hearCaddy(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	events, ok := app.(*caddyevents.App)
	if !ok {
		return errors.New("gateway: the app events is none of Caddy's")
	}
	ends := func() {
		a.giveWay()
		a.beginDrain()
	}
	if err := errors.Join(events.On("started", hears{a.allStarted}), events.On("stopping", hears{ends})); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

// hears is told of an event of Caddy's. It holds no more than what it does, since Caddy writes it into its log at level debug.
type hears struct{ do func() }

// Handle implements caddyevents.Handler.
func (h hears) Handle(context.Context, caddy.Event) error {
	h.do()
	return nil
}

// beginDrain has sockets go if the process ends: half way through the shutdown_delay, when load balancers have seen that this gateway is not ready and send
// whoever comes back elsewhere.
func (a *App) beginDrain() {
	if !caddy.Exiting() || a.ground == nil {
		return
	}
	after := a.shutdownDelay() / 2
	a.drainBy = time.Now().Add(after + a.drainOver() + lastSocket)
	a.ground.Drain.Begin(after, a.drainOver())
}

func (a *App) drainOver() time.Duration {
	if a.DrainOver == 0 {
		return defaultDrain
	}
	return time.Duration(a.DrainOver)
}

func (a *App) shutdownDelay() time.Duration {
	app, err := host.App[*caddyhttp.App](a.ctx, "http")
	if err != nil {
		return 0 //nolint:nilerror // no servers, no sockets
	}
	return time.Duration(app.ShutdownDelay)
}

// awaitDrain waits until the sockets have gone. What is left is cut with the configuration.
func (a *App) awaitDrain() {
	if a.drainBy.IsZero() {
		a.beginDrain() // nothing was told, as where the events app is stopped another way
	}
	open := a.ground.Drain.Open()
	ctx, cancel := context.WithDeadline(context.Background(), a.drainBy) // the process ends, and with it every context
	defer cancel()
	left := a.ground.Drain.Wait(ctx)
	if open > 0 || left > 0 {
		a.logger.Info("sockets were told to go", zap.Int("open", open), zap.Int("left", left))
	}
}

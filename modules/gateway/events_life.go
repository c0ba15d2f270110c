package gateway

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/build"
	"github.com/convosphere/gateway/modules/internal/event"
)

// tellLoaded records that this configuration is in force, and of the first that the gateway has started.
func (a *App) tellLoaded() {
	a.started = true
	fields := []zap.Field{zap.String("gateway.version", build.Version())}
	if live.Load() == 1 { // there is no other ground: none was in force before
		a.ground.Events.Emit(&event.Event{Category: "process", Action: "gateway-started", Outcome: event.Success, Fields: fields})
	}
	a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "configuration-loaded", Outcome: event.Success, Fields: fields})
}

// tellRefused records that this configuration never was in force while another is: a reload has failed. Where there is none, a command has looked at a file.
func (a *App) tellRefused() {
	if a.started || live.Load() < 2 {
		return
	}
	a.ground.Events.Emit(&event.Event{
		Category: "configuration", Action: "configuration-refused", Outcome: event.Failure, Reason: "the reload failed: what was in force stays so",
	})
}

// tellStopped records that the process ends as it should.
func (a *App) tellStopped() {
	if a.started && caddy.Exiting() {
		a.ground.Events.Emit(&event.Event{Category: "process", Action: "gateway-stopped", Outcome: event.Success})
	}
}

package gateway

import (
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/build"
	"github.com/convosphere/gateway/modules/internal/event"
)

// life is which configuration's app is in force. Caddy starts apps in no order and takes all back where one fails, or where it fails itself after them: so an app
// whose Start went well may never be in force. It is when the one before it is told to stop, or, where none is before it, when all apps have started.
var life struct {
	sync.Mutex
	current, next *App
}

// allStarted is told when each app of the configuration has started.
func (a *App) allStarted() {
	life.Lock()
	defer life.Unlock()
	if life.current != nil {
		life.next = a
		return
	}
	life.current = a
	a.comeInForce()
}

// giveWay is told when the configuration ends that was in force: another has taken its place, or none.
func (a *App) giveWay() {
	life.Lock()
	defer life.Unlock()
	if life.current != a {
		return
	}
	life.current, life.next = life.next, nil
	if life.current != nil {
		life.current.comeInForce()
	}
}

// leave tells whether the app was in force until it gave way. It is called when the app is cleaned up.
func (a *App) leave() bool {
	life.Lock()
	defer life.Unlock()
	served := a.inForce && life.current != a
	if life.current == a {
		life.current = nil
	}
	if life.next == a {
		life.next = nil
	}
	return served
}

// begin sets what outlives configurations as the first one says, before its requests come: there is none yet that goes on where it fails.
func (a *App) begin() {
	life.Lock()
	defer life.Unlock()
	if life.current == nil {
		a.setLasting()
	}
}

// comeInForce sets what outlives each configuration as this one says, and records that it is in force. One that is refused must have changed nothing of it.
func (a *App) comeInForce() {
	a.inForce = true
	a.setLasting()
	a.stopKeeping = a.startKeeping()
	a.tellLoaded()
}

func (a *App) setLasting() {
	a.ground.Keys.RotateEvery(a.rotation())
	a.sealEvents(a.ground)
	a.ground.Events.EnrichWith(enricher(a.ground))
	a.configureLog()
}

// tellLoaded records that this configuration is in force, and of the first that the gateway has started.
func (a *App) tellLoaded() {
	fields := []zap.Field{zap.String("gateway.version", build.Version())}
	if live.Load() == 1 { // there is no other ground: none was in force before
		a.ground.Events.Emit(&event.Event{Category: "process", Action: "gateway-started", Outcome: event.Success, Fields: fields})
	}
	a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "configuration-loaded", Outcome: event.Success, Fields: fields})
}

// tellRefused records that this configuration was not taken while another is in force: a reload has failed. Where there is none, a command has looked at a file,
// or the process ends with an error that says why.
func (a *App) tellRefused() {
	if live.Load() < 2 {
		return
	}
	a.ground.Events.Emit(&event.Event{
		Category: "configuration", Action: "configuration-refused", Outcome: event.Failure, Reason: "the reload failed: what was in force stays so",
	})
}

// tellStopped records that the process ends as it should.
func (a *App) tellStopped() {
	if a.inForce && caddy.Exiting() {
		a.ground.Events.Emit(&event.Event{Category: "process", Action: "gateway-stopped", Outcome: event.Success})
	}
}

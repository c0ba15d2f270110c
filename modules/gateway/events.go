package gateway

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
)

// Events says how security events are kept.
type Events struct {
	// Encrypts each with the key ring before it reaches the disk. `convosphere events open` reads them. Default: they are JSON that a collector can ship.
	Encrypt bool `json:"encrypt,omitempty"`

	// Where else events go, by name.
	Outputs map[string]*EventOutput `json:"outputs,omitempty"`

	// The log that can't be altered unseen. Default: kept.
	Log *EventLog `json:"log,omitempty"`
}

func (a *App) parseEvents(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	a.Events = new(Events)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "encrypt":
			if d.NextArg() {
				return d.ArgErr()
			}
			a.Events.Encrypt = true
		case "output":
			if err := a.Events.parseOutput(d); err != nil {
				return err
			}
		case "log":
			if a.Events.Log != nil {
				return d.Err("log is given twice")
			}
			a.Events.Log = new(EventLog)
			if err := a.Events.Log.UnmarshalCaddyfile(d); err != nil {
				return err
			}
		default:
			return d.Errf("unknown subdirective %q: events knows encrypt, log and output", d.Val())
		}
	}
	return nil
}

// sealEvents has events written as this configuration says. The bus outlives it: the one in force decides.
func (a *App) sealEvents(g *ground.Ground) {
	var s event.Sealer
	if a.Events != nil && a.Events.Encrypt {
		s = g.Keys
	}
	g.Events.SealWith(s)
}

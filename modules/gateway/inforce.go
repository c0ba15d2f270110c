package gateway

import (
	"cmp"

	"github.com/convosphere/gateway/modules/internal/abuse"
)

// InForce is what applies by default, beside what is configured.
func (a *App) InForce() map[string]any {
	told := map[string]any{"file_modes": cmp.Or(a.FileModes, "refuse"), "plain_links": cmp.Or(a.PlainLinks, "refuse"), "key_rotation": a.rotation()}
	events := map[string]any{"encrypt": a.Events != nil && a.Events.Encrypt, "log": map[string]any{"off": true}}
	if a.Events != nil {
		events["outputs"] = a.Events.Outputs
	}
	if a.log != nil {
		s := a.log.Settings()
		events["log"] = map[string]any{"off": false, "keep": s.Keep, "anonymous": s.Anonymous, "max_size": s.MaxSize, "checkpoint": s.Checkpoint, "group": s.Group}
	}
	told["events"] = events
	if a.DataKeys == nil || a.DataKeys.Master == nil {
		told["data_keys"] = map[string]any{"master": map[string]any{"type": "keyring"}}
	}
	if c, err := a.Abuse.config(); err == nil { // it was checked at load
		points := map[string]any{}
		for _, s := range abuse.Signals() {
			points[s.String()] = c.Points[s]
		}
		told["abuse"] = map[string]any{
			"off": a.Abuse != nil && a.Abuse.Off, "points": points, "half_life": c.HalfLife, "tight": c.Tight, "challenge": c.Challenge, "ban": c.Ban, "first": c.First, "longest": c.Longest,
		}
	}
	return told
}

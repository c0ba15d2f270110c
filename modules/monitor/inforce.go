package monitor

import (
	"cmp"
	"time"
)

// InForce is what applies by default, beside what is configured.
func (a *App) InForce() map[string]any {
	told := map[string]any{"off": a.Off}
	if a.Off {
		return told
	}
	if c, err := a.Respond.config(); err == nil { // it was checked at load
		told["respond"] = map[string]any{"mode": cmp.Or(string(c.Mode), "mild"), "most": cmp.Or(c.Most, 50), "rules": len(c.Rules), "spare": len(c.Spare)}
	}
	if o, err := a.Incidents.options(); err == nil {
		told["incidents"] = map[string]any{"off": o == nil}
		if o != nil {
			told["incidents"] = map[string]any{"off": false, "least": o.Least.String(), "within": cmp.Or(o.Within, 6*time.Hour), "keep": cmp.Or(o.Keep, 365*24*time.Hour)}
		}
	}
	return told
}

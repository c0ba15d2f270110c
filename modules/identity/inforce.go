package identity

import (
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/throttle"
)

// InForce is what applies by default, beside what is configured.
func (a *App) InForce() map[string]any {
	told := map[string]any{"throttle": throttles(a.Throttle.config())}
	cost := a.Argon2.params()
	told["argon2"] = map[string]any{"memory": cost.Memory, "time": cost.Time, "threads": cost.Threads}
	if p, err := a.Passwords.policy(a.Label); err == nil { // it was checked at load
		passwords := map[string]any{"min_length": p.MinLength, "max_length": p.MaxLength, "strength": p.Strength, "history": p.History, "max_age": p.MaxAge, "leaked": "embedded list"}
		if a.Passwords != nil && a.Passwords.Breached != "" {
			passwords["leaked"] = "embedded list, and " + a.Passwords.Breached
		}
		told["passwords"] = passwords
	}
	count, refuse := a.MaxSessions.config()
	full := "oldest"
	if refuse {
		full = "refuse"
	}
	told["max_sessions"] = map[string]any{"count": count, "full": full}
	told["remember_device"] = map[string]any{"off": a.RememberDevice.config() == 0, "for": a.RememberDevice.config()}
	told["registration"] = map[string]any{"mode": a.desk().Registration, "role": a.desk().Role, "domains": a.desk().Domains}
	if rules := a.PersonalTokens.rules(); rules != nil {
		told["personal_tokens"] = map[string]any{"limit": rules.Limit, "max_lifetime": rules.MaxLife, "scopes": rules.Scopes}
	}
	if a.SecondFactor == nil {
		told["second_factor"] = map[string]any{"required": []string{}}
	}
	return told
}

func throttles(t session.Throttles) map[string]any {
	rule := func(r throttle.Rule) map[string]any {
		return map[string]any{"free": r.Free, "first": r.First, "longest": r.Longest}
	}
	return map[string]any{"client": rule(t.Client), "account": rule(t.Account), "pair": rule(t.Pair), "device": rule(t.Device), "challenge": t.Challenge}
}

package monitor

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

// Respond says what is done about findings.
type Respond struct {
	// What happens by itself: off, propose (nothing; a person decides), mild (default: challenge, throttle, require_second_factor, raise_paranoia and the
	// webhook; the rest is proposed) or automatic.
	Mode string `json:"mode,omitempty"`

	// How many subjects machines may touch in an hour; beyond it a person decides. Default: 50.
	Most int `json:"most,omitempty"`

	// How long actions last, where a rule does not say it.
	Lasts map[string]caddy.Duration `json:"lasts,omitempty"`

	// What is said of single rules.
	Rules []RespondRule `json:"rules,omitempty"`

	// Whom no machine touches, as user:ID or client:192.0.2.7, besides the gateway's allowlist, trusted proxies and this machine.
	Spare []string `json:"spare,omitempty"`

	// Where the action webhook calls.
	Webhook *RespondHook `json:"webhook,omitempty"`
}

// RespondRule is what is said of one rule.
type RespondRule struct {
	// The rule's id, or "anomaly".
	Rule string `json:"rule"`

	// The mode for what it finds. Default: that of all.
	Mode string `json:"mode,omitempty"`

	// What is done about it, as "ban 1h", in place of what the rule hints at.
	Do []string `json:"do,omitempty"`
}

// RespondHook is a webhook. Both may be placeholders, which are filled in at load.
type RespondHook struct {
	URL string `json:"url"`

	// Signs what is sent. Default: nothing is signed.
	Secret string `json:"secret,omitempty"`
}

// mostRules bounds what is said of single rules.
const mostRules = 10_000

// config is what the engine goes by, checked.
func (r *Respond) config() (c respond.Config, err error) {
	if r == nil {
		return c, nil
	}
	c = respond.Config{Mode: respond.Mode(r.Mode), Most: r.Most, Lasts: map[string]time.Duration{}, Rules: map[string]respond.Rule{}}
	for action, d := range r.Lasts {
		c.Lasts[action] = time.Duration(d)
	}
	if len(r.Rules) > mostRules {
		return c, fmt.Errorf("respond: %d rules: there are at most %d", len(r.Rules), mostRules)
	}
	for _, one := range r.Rules {
		if one.Rule == "" {
			return c, fmt.Errorf("respond: rule: its id is missing")
		}
		if _, twice := c.Rules[one.Rule]; twice {
			return c, fmt.Errorf("respond: rule %s is there twice", one.Rule)
		}
		rule := respond.Rule{Mode: respond.Mode(one.Mode)}
		for _, text := range one.Do {
			a, err := respond.ParseAction(text)
			if err != nil {
				return c, fmt.Errorf("respond: rule %s: %w", one.Rule, err)
			}
			rule.Do = append(rule.Do, a)
		}
		c.Rules[one.Rule] = rule
	}
	for _, text := range r.Spare {
		s, err := finding.ParseSubject(text)
		if err != nil {
			return c, fmt.Errorf("respond: spare %q: %w", text, err)
		}
		c.Spare = append(c.Spare, s)
	}
	if c.Hook, err = r.Webhook.filled(); err != nil {
		return c, err
	}
	if err := c.Check(); err != nil {
		return c, fmt.Errorf("respond: %w", err)
	}
	return c, nil
}

// filled fills placeholders in.
func (h *RespondHook) filled() (*respond.Hook, error) {
	if h == nil {
		return nil, nil
	}
	repl := caddy.NewReplacer()
	url, err := repl.ReplaceOrErr(h.URL, true, true)
	if err != nil {
		return nil, fmt.Errorf("respond: webhook: %w", err)
	}
	secret, err := repl.ReplaceOrErr(h.Secret, true, true)
	if err != nil {
		return nil, fmt.Errorf("respond: webhook: %w", err)
	}
	return &respond.Hook{URL: url, Secret: secret}, nil
}

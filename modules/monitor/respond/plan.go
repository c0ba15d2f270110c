package respond

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Mode says what happens by itself.
type Mode string

// Modes.
const (
	Off       Mode = "off"       // nothing, and nothing is proposed
	Propose   Mode = "propose"   // a person decides on everything
	Mild      Mode = "mild"      // what costs people a moment; the rest is proposed
	Automatic Mode = "automatic" // everything
)

// ParseMode reads a mode's word.
func ParseMode(word string) (Mode, bool) {
	m := Mode(word)
	return m, slices.Contains([]Mode{Off, Propose, Mild, Automatic}, m)
}

// Rule is what is said of one rule.
type Rule struct {
	Mode Mode     // "": that of all
	Do   []Action // in place of what the rule hints at; nil: that
}

// Config is what an operator says of responses. Zero values take the defaults.
type Config struct {
	Mode  Mode                     // default Mild
	Rules map[string]Rule          // by the rule's id
	Most  int                      // how many subjects a machine may touch in an hour; default 50
	Lasts map[string]time.Duration // by action, where a rule does not say it
	Spare []finding.Subject        // that no machine touches
	Hook  *Hook                    // where the action webhook calls; nil: nowhere
}

const (
	defaultMost = 50
	// MostMost is the highest limit: beyond it there is none.
	MostMost = 100_000
)

func (c Config) filled() Config {
	if c.Mode == "" {
		c.Mode = Mild
	}
	if c.Most == 0 {
		c.Most = defaultMost
	}
	return c
}

// Verdict is what becomes of a step.
type Verdict string

// Verdicts.
const (
	Apply   Verdict = "apply"
	Suggest Verdict = "propose"
	Skip    Verdict = "skip"
	Hold    Verdict = "hold" // until a person lets it
)

// Step is one thing to be done about a finding.
type Step struct {
	Action  Action
	Subject finding.Subject
	Verdict Verdict
	Why     string // it is skipped, proposed or held
}

// plan says what is to be done about a finding, not looking at what was done before.
func (c *Config) plan(f *finding.Finding, exempt func(netip.Prefix) bool) []Step {
	rule := c.Rules[f.Rule]
	mode := rule.Mode
	if mode == "" {
		mode = c.Mode
	}
	if mode == Off {
		return nil
	}
	var steps []Step
	for _, a := range c.wanted(&rule, f) {
		k := actions[a.Do]
		if a.For == 0 {
			a.For = k.lasts
			if d, ok := c.Lasts[a.Do]; ok {
				a.For = d
			}
		}
		s := Step{Action: a, Verdict: Suggest}
		var ok bool
		switch s.Subject, ok = k.subject(f.Subjects); {
		case !ok:
			s.Verdict, s.Why = Skip, "the finding is about nobody whom it can be done to"
		case a.Do == Webhook && c.Hook == nil:
			s.Verdict, s.Why = Skip, "no webhook is configured"
		case a.Do != Webhook && c.spared(s.Subject, exempt):
			s.Verdict, s.Why = Skip, "it is on the allowlist, a trusted proxy, this machine, or spared"
		case a.Do == Webhook && mode != Propose:
			s.Verdict = Apply // it only tells
		case mode == Propose:
			s.Why = "a person decides"
		case f.Kind == finding.Anomaly && !k.mild:
			s.Why = "an anomaly alone is not enough for it"
		case mode == Mild && !k.mild:
			s.Why = "only mild actions are automatic"
		default:
			s.Verdict = Apply
		}
		steps = append(steps, s)
	}
	return steps
}

// mostActions bounds what one finding leads to.
const mostActions = 8

// wanted are the actions of the configuration, or the rule's hints. A hint that nobody here knows is left out: rules of others may have such.
func (c *Config) wanted(r *Rule, f *finding.Finding) (all []Action) {
	if r.Do != nil {
		return r.Do
	}
	for _, hint := range f.Respond {
		a, err := ParseAction(hint)
		if err == nil && len(all) < mostActions && !slices.ContainsFunc(all, func(b Action) bool { return a.Do == b.Do }) {
			all = append(all, a)
		}
	}
	return all
}

// spared tells whom no machine touches.
func (c *Config) spared(s finding.Subject, exempt func(netip.Prefix) bool) bool {
	if slices.Contains(c.Spare, s) {
		return true
	}
	if s.Kind != finding.Client {
		return false
	}
	p, err := ban.Parse(s.ID)
	return err != nil || exempt(p) // what is no address can't be met
}

// Check says what of the configuration can't be.
func (c Config) Check() error {
	if _, ok := ParseMode(string(c.filled().Mode)); !ok {
		return fmt.Errorf("%w: mode %q is none of off, propose, mild and automatic", ErrMalformed, c.Mode)
	}
	if c.Most < 0 || c.Most > MostMost {
		return fmt.Errorf("%w: most %d: it is 1 to %d", ErrMalformed, c.Most, MostMost)
	}
	for word, d := range c.Lasts {
		k, ok := actions[word]
		if !ok || k.once || d < time.Second || d > Longest {
			return fmt.Errorf("%w: lasts %s %s", ErrMalformed, word, d)
		}
	}
	for id, r := range c.Rules {
		if _, ok := ParseMode(string(r.Mode)); !ok && r.Mode != "" {
			return fmt.Errorf("%w: rule %s: mode %q is none of off, propose, mild and automatic", ErrMalformed, id, r.Mode)
		}
		for _, a := range r.Do {
			if a.Do == Webhook && c.Hook == nil {
				return fmt.Errorf("%w: rule %s: no webhook is configured", ErrMalformed, id)
			}
		}
	}
	return c.Hook.check()
}

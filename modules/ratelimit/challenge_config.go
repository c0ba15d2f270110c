package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/challenge"
)

const (
	defaultWork      = 18
	defaultClearance = 30 * time.Minute
	leastClearance   = time.Minute
	mostClearance    = time.Hour
	defaultWait      = 30 * time.Second
	leastWait        = time.Second
	mostWait         = 10 * time.Minute
)

// Challenge is what a client has to do that abuse control challenges: solve a puzzle of hashes, as browsers do by themselves, or wait.
type Challenge struct {
	// The puzzle takes 2^work hashes, more for higher scores; 6 to 26, default 18.
	Work int `json:"work,omitempty"`

	// For how long a client is let be that solved one, 1m to 1h; default 30m. Who waited instead: a third of it.
	Clearance caddy.Duration `json:"clearance,omitempty"`

	// How long who can't compute waits, 1s to 10m; default 30s.
	Wait caddy.Duration `json:"wait,omitempty"`

	// Nobody is challenged.
	Off bool `json:"off,omitempty"`
}

func (c *Challenge) defaults() {
	if c.Work == 0 {
		c.Work = defaultWork
	}
	if c.Clearance == 0 {
		c.Clearance = caddy.Duration(defaultClearance)
	}
	if c.Wait == 0 {
		c.Wait = caddy.Duration(defaultWait)
	}
}

func (c *Challenge) validate() error {
	if c.Work < challenge.MinWork || c.Work > challenge.MaxWork {
		return fmt.Errorf("challenge: work %d: it is from %d to %d", c.Work, challenge.MinWork, challenge.MaxWork)
	}
	if t := time.Duration(c.Clearance); t < leastClearance || t > mostClearance {
		return fmt.Errorf("challenge: clearance %s: it is from %s to %s", t, leastClearance, mostClearance)
	}
	if t := time.Duration(c.Wait); t < leastWait || t > mostWait {
		return fmt.Errorf("challenge: wait %s: it is from %s to %s", t, leastWait, mostWait)
	}
	return nil
}

// openGate makes the gatekeeper. Where there are neither scores nor measures nobody is challenged.
func (h *Handler) openGate() error {
	if h.Challenge == nil {
		h.Challenge = new(Challenge)
	}
	if h.Challenge.Off {
		return nil
	}
	h.Challenge.defaults()
	if err := h.Challenge.validate(); err != nil {
		return err
	}
	if g := h.ground; g != nil && (g.Abuse != nil || g.Measures != nil) {
		h.gatekeeper = &gatekeeper{
			Challenge: h.Challenge, desk: challenge.NewDesk(g.Keys.Derive("challenge"), g.Store, time.Now), abuse: g.Abuse, events: g.Events,
		}
	}
	return nil
}

// challengeOption reads `challenge off` or its block.
func (h *Handler) challengeOption(d *caddyfile.Dispenser) error {
	if h.Challenge != nil {
		return d.Err("challenge is there twice")
	}
	h.Challenge = new(Challenge)
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return d.ArgErr()
		}
		h.Challenge.Off = true
		return nil
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		var arg string
		if !d.AllArgs(&arg) {
			return d.ArgErr()
		}
		times := map[string]*caddy.Duration{"clearance": &h.Challenge.Clearance, "wait": &h.Challenge.Wait}
		switch to, ok := times[name]; {
		case ok:
			t, err := caddy.ParseDuration(arg)
			if err != nil || t <= 0 {
				return d.Errf("challenge: %s %q: it is a duration as 30s", name, arg)
			}
			*to = caddy.Duration(t)
		case name == "work":
			n, err := strconv.Atoi(arg)
			if err != nil || n < 1 {
				return d.Errf("challenge: work %q: it is a number of bits as %d", arg, defaultWork)
			}
			h.Challenge.Work = n
		default:
			return d.Errf("unknown subdirective %q: challenge knows work, clearance and wait", name)
		}
		probe := *h.Challenge // checked here, too, where file and line are known
		probe.defaults()
		if err := probe.validate(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

var challengesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_challenges_total",
	Help: "What became of clients that abuse control challenges, by result: set (a puzzle), solved, waited, early (the wait was not over), wrong, forged, expired, used, error; cleared are requests with a clearance.",
}, []string{"result"})

// outcomeOf is the label of an answer.
func outcomeOf(err error) string {
	for is, label := range map[error]string{
		challenge.ErrWrong: "wrong", challenge.ErrForged: "forged", challenge.ErrExpired: "expired", challenge.ErrUsed: "used", challenge.ErrEarly: "early",
	} {
		if errors.Is(err, is) {
			return label
		}
	}
	if err != nil {
		return "error"
	}
	return "solved"
}

func waitOutcome(err error) string {
	if err == nil {
		return "waited"
	}
	return outcomeOf(err)
}

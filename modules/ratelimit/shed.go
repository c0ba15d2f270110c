package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/shed"
)

const (
	defaultTarget = 250 * time.Millisecond
	leastTarget   = 5 * time.Millisecond
	maxTiers      = 16
)

// defaultTiers are those of the shipped policy.
var defaultTiers = []string{"standard", "premium", "staff"}

// Shed is the guard of the node itself: while what is ready to run waits too long for a processor, callers are refused (503), the least entitled
// first: who is anonymous, then who has no tier that is named here, then tier by tier.
type Shed struct {
	// How long what is ready to run may wait for a processor, measured four times a second; default 250ms.
	Target caddy.Duration `json:"target,omitempty"`

	// The tiers that the policy gives, lowest first; default standard, premium, staff, as the shipped policy has them.
	Tiers []string `json:"tiers,omitempty"`

	// Nobody is refused for the node's sake.
	Off bool `json:"off,omitempty"`
}

func (s *Shed) defaults() {
	if s.Target == 0 {
		s.Target = caddy.Duration(defaultTarget)
	}
	if len(s.Tiers) == 0 {
		s.Tiers = defaultTiers
	}
}

func (s *Shed) validate() error {
	if t := time.Duration(s.Target); t < leastTarget {
		return fmt.Errorf("shed: target %s: it is at least %s", t, leastTarget)
	}
	if len(s.Tiers) > maxTiers {
		return fmt.Errorf("shed: %d tiers are more than %d", len(s.Tiers), maxTiers)
	}
	for i, name := range s.Tiers {
		if !zoneName.MatchString(name) {
			return fmt.Errorf("shed: tier %q: a name has lower-case letters, digits, - and _", name)
		}
		if slices.Contains(s.Tiers[:i], name) {
			return fmt.Errorf("shed: tier %s is there twice", name)
		}
	}
	return nil
}

// class is where a caller stands: 0 is anonymous, 1 of no tier that is named, and the tiers follow.
func (s *Shed) class(tier string, known bool) int {
	if !known {
		return 0
	}
	return 2 + slices.Index(s.Tiers, tier) // -1 is none of them
}

// guards are shared by the handlers, and the configurations in turn, that shed alike: a reload in the middle of an overload changes nothing.
var guards = caddy.NewUsagePool()

type guard struct {
	*shed.Guard
	shedding atomic.Bool // as events have told it
}

// Destruct implements caddy.Destructor.
func (g *guard) Destruct() error {
	g.Close()
	return nil
}

// acquireGuard starts the guard of the handler, or takes over the one that runs.
func (h *Handler) acquireGuard() error {
	if h.Shed == nil {
		h.Shed = new(Shed)
	}
	if h.Shed.Off {
		return nil
	}
	h.Shed.defaults()
	if err := h.Shed.validate(); err != nil {
		return err
	}
	key := strconv.FormatInt(int64(h.Shed.Target), 10) + " " + strings.Join(h.Shed.Tiers, " ")
	v, _, err := guards.LoadOrNew(key, func() (caddy.Destructor, error) {
		return &guard{Guard: shed.New(shed.Options{Target: time.Duration(h.Shed.Target), Classes: len(h.Shed.Tiers) + 2, Observe: observeQueue})}, nil
	})
	if err != nil {
		return err
	}
	h.shed, h.guardKey = v.(*guard), key
	return nil
}

func (h *Handler) releaseGuard() error {
	if h.guardKey == "" {
		return nil
	}
	_, err := guards.Delete(h.guardKey)
	return err
}

func observeQueue(queue time.Duration, level float64) {
	queueSeconds.Set(queue.Seconds())
	shedLevel.Set(level)
}

// overloaded refuses the request where the node can't keep up and others are entitled to more. It comes before everything is counted: who is
// refused for the node's sake is charged nothing, and Redis is not asked.
func (h *Handler) overloaded(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, client string) bool {
	if h.shed == nil {
		return false
	}
	if h.shed.Idle() {
		h.tellShedding(false)
		return false
	}
	who, tier := client, ""
	if rc.Identity != nil {
		who = rc.Identity.Subject
		tier = h.tierOf(rc.Identity)
	}
	class := h.Shed.class(tier, rc.Identity != nil)
	if h.shed.Admit(class, who) {
		return false
	}
	h.tellShedding(true)
	shedTotal.WithLabelValues(h.Shed.label(class)).Inc()
	rc.Limited = "overload"
	problem.Write(w, r, problem.Problem{
		Status: http.StatusServiceUnavailable, Type: "overloaded", Title: "The service is busy: try again in a moment",
		// Apart, so that they do not all come back at once.
		RetryAfter: 2*time.Second + rand.N(8*time.Second),
	})
	return true
}

// label is the class as a metric has it: from the configuration, never from a client.
func (s *Shed) label(class int) string {
	switch class {
	case 0:
		return "anonymous"
	case 1:
		return "other"
	}
	return s.Tiers[class-2]
}

// tellShedding writes an event where shedding began or has ended, as far as requests show it.
func (h *Handler) tellShedding(on bool) {
	if h.shed.shedding.Load() == on || !h.shed.shedding.CompareAndSwap(!on, on) {
		return
	}
	action, outcome := "load-shedding-ended", event.Success
	if on {
		action, outcome = "load-shedding-began", event.Failure
	}
	h.logger.Warn("what is ready to run waits too long for a processor: callers are refused until it does not", zap.String("state", action))
	if h.ground != nil {
		h.ground.Events.Emit(&event.Event{Category: "process", Action: action, Outcome: outcome, Reason: "what is ready to run waits too long for a processor"})
	}
}

// shedOption reads `shed off` or its block.
func (h *Handler) shedOption(d *caddyfile.Dispenser) error {
	if h.Shed != nil {
		return d.Err("shed is there twice")
	}
	h.Shed = new(Shed)
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return d.ArgErr()
		}
		h.Shed.Off = true
		return nil
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch name, args := d.Val(), d.RemainingArgs(); name {
		case "target":
			if len(args) != 1 {
				return d.ArgErr()
			}
			t, err := caddy.ParseDuration(args[0])
			if err != nil || t < leastTarget {
				return d.Errf("shed: target %q: it is a duration as 250ms, at least %s", args[0], leastTarget)
			}
			h.Shed.Target = caddy.Duration(t)
		case "tiers":
			if len(args) == 0 {
				return d.ArgErr()
			}
			h.Shed.Tiers = args
		default:
			return d.Errf("unknown subdirective %q: shed knows target and tiers", name)
		}
	}
	probe := *h.Shed
	probe.defaults()
	if err := probe.validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

package gateway

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Abuse says what clients that misbehave meet. A score that is negative stands for never.
type Abuse struct {
	// Nothing is counted.
	Off bool `json:"off,omitempty"`
	// What a signal counts; 0: nothing. Default: limited 1, attack 10, login 3, token 2, challenge 3.
	Points map[string]float64 `json:"points,omitempty"`
	// In which a score halves; default 10m.
	HalfLife caddy.Duration `json:"half_life,omitempty"`
	// From which score on the limits of a client are a quarter as wide; default 20.
	Tight float64 `json:"tight,omitempty"`
	// From which score on it must solve a puzzle; default 50.
	Challenge float64 `json:"challenge,omitempty"`
	// From which score on it is banned; default 150.
	Ban float64 `json:"ban,omitempty"`
	// How long the first ban of a client lasts, each further one being six times as long; default 10m.
	First caddy.Duration `json:"first,omitempty"`
	// How long a ban lasts at most; default 24h.
	Longest caddy.Duration `json:"longest,omitempty"`
}

// config fills in the defaults.
func (a *Abuse) config() (abuse.Config, error) {
	c := abuse.Defaults()
	if a == nil {
		return c, nil
	}
	for word, points := range a.Points {
		s, ok := abuse.ParseSignal(word)
		if !ok {
			return c, fmt.Errorf("points: %q is no signal: they are %s", word, signalWords())
		}
		c.Points[s] = points
	}
	score := func(to *float64, v float64) {
		switch {
		case v < 0:
			*to = 0
		case v != 0:
			*to = v
		}
	}
	score(&c.Tight, a.Tight)
	score(&c.Challenge, a.Challenge)
	score(&c.Ban, a.Ban)
	span := func(to *time.Duration, v caddy.Duration) {
		if v != 0 {
			*to = time.Duration(v)
		}
	}
	span(&c.HalfLife, a.HalfLife)
	span(&c.First, a.First)
	span(&c.Longest, a.Longest)
	if a.Longest == 0 {
		c.Longest = max(c.Longest, c.First)
	}
	return c, c.Check()
}

func signalWords() string {
	words := map[string]bool{}
	for _, s := range abuse.Signals() {
		words[s.String()] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(words)), ", ")
}

// openAbuse takes the scores, which outlive a reload. They belong to a data folder and its store.
func openAbuse(a *App, s store.Store, releases *[]func() error) (*abuse.Table, error) {
	c, err := a.Abuse.config()
	if err != nil {
		return nil, fmt.Errorf("gateway: abuse: %w", err)
	}
	if a.Abuse != nil && a.Abuse.Off {
		return nil, nil
	}
	t, release, err := acquire("abuse", a.Store+"\x00"+a.DataDir, func() (*abuse.Table, func() error, error) {
		t := abuse.New(abuse.Rules{Config: c}, time.Now)
		t.Start(s.Redis(), store.BoxOf(s), func(error) { abuseShareErrors.Inc() })
		return t, func() error {
			t.Close()
			return nil
		}, nil
	})
	if err != nil {
		return nil, err
	}
	*releases = append(*releases, release)
	return t, nil
}

// startAbuse puts the configuration's rules in force until stop.
func (a *App) startAbuse() (stop func()) {
	c, err := a.Abuse.config()
	if err != nil { // it was checked when the ground was opened
		return func() {}
	}
	g := a.ground
	return g.Abuse.Use(abuse.Rules{Config: c, Exempt: g.Bans.Exempt, KeepOut: a.keepOut(c), Changed: tellAbuse(g)})
}

// tellAbuse records that a client or a person is at another level.
func tellAbuse(g *ground.Ground) func(abuse.Change) {
	return func(c abuse.Change) {
		abuseLevels.WithLabelValues(c.To.String()).Inc()
		reason := "the score rose"
		if c.To < c.From {
			reason = "the score fell"
		}
		e := &event.Event{
			Category: "intrusion_detection", Action: "abuse-level", Outcome: event.Success, Reason: reason, UserID: c.User,
			Fields: []zap.Field{
				zap.String("gateway.abuse.level", c.To.String()), zap.String("gateway.abuse.before", c.From.String()),
				zap.Int64("gateway.abuse.score", int64(math.Round(c.Score))),
			},
		}
		if c.Client.IsValid() {
			e.SourceIP = c.Client.Addr().String()
			e.Fields = append(e.Fields, zap.String("gateway.abuse.client", c.Client.String()))
		}
		if c.People > 0 {
			e.Fields = append(e.Fields, zap.Int("gateway.abuse.people", c.People))
		}
		g.Events.Emit(e)
	}
}

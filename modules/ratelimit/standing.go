package ratelimit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// standing is where a key stands in a zone.
type standing struct {
	Zone      string   `json:"zone"`
	Tier      string   `json:"tier,omitempty"`
	Limit     string   `json:"limit"`
	Mode      string   `json:"mode"`
	Level     string   `json:"level,omitempty"` // of who misbehaves, which makes this limit the tight one
	Shadow    bool     `json:"shadow,omitempty"`
	CountedBy []string `json:"counted_by,omitempty"`
	Unknown   string   `json:"unknown,omitempty"` // why it can't be told; then there is no more

	Remaining  int64   `json:"remaining"`             // units that would be admitted now
	Reset      float64 `json:"reset_seconds"`         // until all are free again
	Refused    bool    `json:"refused"`               // one more would be, by a shadow zone too
	RetryAfter float64 `json:"retry_after,omitempty"` // seconds; none: never
	Error      string  `json:"error,omitempty"`       // why it could not be asked
}

// status tells it of all zones of all handlers.
func (r *registry) status(ctx context.Context, words []string) ([]standing, error) {
	handlers, release := r.hold()
	defer release()
	var list []standing
	for _, h := range handlers {
		d, err := describe(words)
		if err != nil {
			return nil, err
		}
		for _, s := range h.status(ctx, d) {
			if !slices.ContainsFunc(list, s.same) { // zones of one name count together wherever they are
				list = append(list, s)
			}
		}
	}
	return list, nil
}

func (s standing) same(o standing) bool {
	return s.Zone == o.Zone && s.Tier == o.Tier && s.Limit == o.Limit && s.Mode == o.Mode && slices.Equal(s.CountedBy, o.CountedBy) && s.Unknown == o.Unknown
}

// status tells it of the handler's zones.
func (h *Handler) status(ctx context.Context, d *described) []standing {
	d.client = h.prefix.of(d.addr)
	if d.tier == "" {
		d.tier = h.tierOf(d.rc.Identity)
	}
	if d.level = h.level(d.rc); h.ground != nil && d.given["user"] && !d.given["client"] { // from wherever
		d.level = h.ground.Abuse.User(d.rc.Identity.Subject).Level
	}
	var list []standing
	for _, z := range slices.Concat(h.requests, h.handshakes, h.messages) {
		l := z.at(&d.asked)
		s := standing{Zone: z.Name, Tier: l.Tier, Limit: l.Limit.String(), Mode: modeNames[l.Mode], Shadow: l.Shadow}
		if l != z.of(d.tier) {
			s.Level = d.level.String()
		}
		if unit := z.Cost.unit(); unit > 0 {
			s.Limit += fmt.Sprintf(", in units of %d bytes", unit)
		}
		s.Unknown = d.unknown(z.key)
		if s.Unknown == "" && has(z.key, byRoute) && !slices.ContainsFunc(z.Match, func(r Route) bool { return r.Path == d.route }) {
			continue // another zone's route
		}
		if s.Unknown == "" {
			h.peek(ctx, d, z, l, &s)
		}
		list = append(list, s)
	}
	return list
}

func (h *Handler) peek(ctx context.Context, d *described, z *Zone, l *limit.Zone, s *standing) {
	words := d.words(nil, z.key, d.route)
	for pair := range slices.Chunk(words, 2) {
		s.CountedBy = append(s.CountedBy, shown(pair[0], pair[1]))
	}
	charge := []limit.Charge{{Zone: l, Subject: limit.NewSubject(words...)}}
	err := h.limiter.Peek(ctx, charge)
	res := charge[0].Result
	switch {
	case err != nil:
		s.Error = err.Error()
		return
	case res.Skipped:
		s.Error = "it could not be asked"
		return
	}
	s.Remaining, s.Reset = res.Remaining, inSeconds(res.Reset)
	s.Refused = res.Refused || res.Shadowed
	if s.Refused && res.Wait > 0 {
		s.RetryAfter = inSeconds(res.Wait)
	}
}

// inSeconds rounds up to milliseconds.
func inSeconds(d time.Duration) float64 { return math.Ceil(float64(d)/1e6) / 1e3 }

// ranked is one of those who were refused or charged the most.
type ranked struct {
	Zone   string   `json:"zone"`
	Who    []string `json:"who"`
	Count  int64    `json:"count"`
	Spread int64    `json:"at_most_too_high,omitempty"`
}

func (r *registry) top(by, zone string, n int) ([]ranked, error) {
	from := r.refused
	switch by {
	case "", "refused":
	case "spent":
		from = r.spent
	default:
		return nil, fmt.Errorf("by %q: it is refused or spent", by)
	}
	list := []ranked{}
	for _, x := range from.List(zone, n, time.Now()) {
		list = append(list, ranked{x.Zone, x.Words, x.Count, x.Spread})
	}
	return list, nil
}

package ratelimit

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

const (
	maxRefusedNames = 10_000 // of a zone, that are told apart
	mostNames       = 5      // that are printed
)

// Simulated is what other limits would have done.
type Simulated struct {
	From        time.Time        `json:"from,omitzero"`
	To          time.Time        `json:"to,omitzero"`
	Requests    int              `json:"requests"`
	Refused     int              `json:"refused"`
	RefusedThen int              `json:"refused_then"`
	Newly       int              `json:"newly_refused"`     // admitted when they came
	NoLonger    int              `json:"no_longer_refused"` // refused when they came
	Zones       []*SimulatedZone `json:"zones"`
	Left        tally            `json:"left_out,omitempty"` // by why
	Unknown     []UnknownZone    `json:"unknown,omitempty"`
	Notes       []string         `json:"notes,omitempty"`

	zones map[string]*SimulatedZone
}

// SimulatedZone is what one zone would have done.
type SimulatedZone struct {
	Zone    string    `json:"zone"`
	Shadow  bool      `json:"shadow,omitempty"`
	Asked   int       `json:"asked"`
	Refused int       `json:"refused"`
	Newly   int       `json:"newly_refused"`
	Names   int       `json:"names"` // that were refused, up to 10,000
	Most    []Refused `json:"most,omitempty"`

	names map[string]int
}

// Refused is who was refused how often.
type Refused struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// UnknownZone is a zone that events do not tell enough for.
type UnknownZone struct {
	Zone string `json:"zone"`
	Why  string `json:"why"`
}

// tally counts by name.
type tally map[string]int

func (t tally) add(what string, n int) {
	if n > 0 {
		t[what] += n
	}
}

func newSimulated(s *sites) Simulated {
	rep := Simulated{Left: tally{}, zones: map[string]*SimulatedZone{}, Notes: slices.Sorted(maps.Keys(s.notes))}
	for name, shadow := range s.known {
		rep.zones[name] = &SimulatedZone{Zone: name, Shadow: shadow, names: map[string]int{}}
	}
	for _, name := range slices.Sorted(maps.Keys(s.unknown)) {
		rep.Unknown = append(rep.Unknown, UnknownZone{name, s.unknown[name]})
	}
	return rep
}

// seen counts a request.
func (s *Simulated) seen(e *told) {
	s.Requests++
	if came := e.came(); s.From.IsZero() || came.Before(s.From) {
		s.From = came
	}
	if s.To.Before(e.Time) {
		s.To = e.Time
	}
}

// charged notes what zones said.
func (s *Simulated) charged(e *told, at *site, a *asked, charges []limit.Charge, d limit.Decision) {
	for i := range charges {
		c := &charges[i]
		z := s.zones[c.Zone.Name]
		z.Asked++
		if !c.Result.Refused && !c.Result.Shadowed {
			continue
		}
		z.Refused++
		if !e.limited() {
			z.Newly++
		}
		zone := aboutOf(c.Zone).zone
		pattern, _ := zone.matches(a.r.Method, a.path)
		name := readable(a.words(nil, zone.key, pattern))
		if z.names[name] > 0 || len(z.names) < maxRefusedNames {
			z.names[name]++
		}
	}
}

// decided notes what became of a request.
func (s *Simulated) decided(e *told, refused bool) {
	switch then := e.limited(); {
	case refused && !then:
		s.Newly++
	case !refused && then:
		s.NoLonger++
	}
	if refused {
		s.Refused++
	}
	if e.limited() {
		s.RefusedThen++
	}
}

func (s *Simulated) finish() {
	s.Zones = []*SimulatedZone{}
	for _, name := range slices.Sorted(maps.Keys(s.zones)) {
		z := s.zones[name]
		z.Names = len(z.names)
		for name, n := range z.names {
			z.Most = append(z.Most, Refused{name, n})
		}
		slices.SortFunc(z.Most, func(a, b Refused) int {
			if a.Count != b.Count {
				return b.Count - a.Count
			}
			return strings.Compare(a.Name, b.Name)
		})
		z.Most = z.Most[:min(mostNames, len(z.Most))]
		s.Zones = append(s.Zones, z)
	}
}

// Text prints the report for people.
func (s *Simulated) Text(w io.Writer, style terminal.Style) error {
	var b strings.Builder
	const second = "2006-01-02T15:04:05Z07:00"
	fmt.Fprintf(&b, "requests: %d", s.Requests)
	if s.Requests > 0 {
		fmt.Fprintf(&b, " from %s to %s", s.From.Format(second), s.To.Format(second))
	}
	fmt.Fprintf(&b, "\nwould have been refused: %s, of which were admitted: %d\nwere refused: %d, of which would have been admitted: %d\n\n",
		style.Verdict(fmt.Sprint(s.Refused), s.Newly > 0), s.Newly, s.RefusedThen, s.NoLonger)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "zone\tasked\trefused\tadmitted then\tmost refused")
	for _, z := range s.Zones {
		name := z.Zone
		if z.Shadow {
			name += " (shadow)"
		}
		var most []string
		for _, m := range z.Most {
			most = append(most, fmt.Sprintf("%s ×%d", terminal.Clean(m.Name), m.Count))
		}
		if more := z.Names - len(z.Most); more > 0 {
			most = append(most, fmt.Sprintf("%d more", more))
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", name, z.Asked, z.Refused, z.Newly, strings.Join(most, ", "))
	}
	_ = t.Flush() // into a strings.Builder
	b.WriteString("\n")
	for _, u := range s.Unknown {
		fmt.Fprintf(&b, "unknown: zone %s: %s\n", u.Zone, u.Why)
	}
	for _, why := range slices.Sorted(maps.Keys(s.Left)) {
		fmt.Fprintf(&b, "left out: %d %s\n", s.Left[why], why)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

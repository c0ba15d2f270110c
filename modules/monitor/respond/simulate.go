package respond

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Simulation says what a configuration would have done about findings, and does nothing. It knows of no incidents, and of nothing that people decided.
type Simulation struct {
	config Config
	exempt func(netip.Prefix) bool
	force  map[target]time.Time          // until when
	said   map[target]time.Time          // when it was proposed or held
	last   map[finding.Subject]time.Time // when a machine touched it
}

type target struct {
	subject finding.Subject
	action  string
}

// Simulate begins one. exempt tells which addresses nothing is done to.
func Simulate(c Config, exempt func(netip.Prefix) bool) *Simulation {
	return &Simulation{c.filled(), exempt, map[target]time.Time{}, map[target]time.Time{}, map[finding.Subject]time.Time{}}
}

// See says what would be done about a finding at the time of its last event. Findings come by that time. What is in force already, and what was proposed
// lately, is left out.
func (s *Simulation) See(f *finding.Finding) (all []Step) {
	for _, step := range s.config.plan(f, s.exempt) {
		if s.weigh(&step, f.Last) {
			all = append(all, step)
		}
	}
	return all
}

func (s *Simulation) weigh(step *Step, now time.Time) bool {
	t := target{step.Subject, step.Action.Do}
	if step.Verdict == Skip || step.Action.Do == Webhook {
		return true
	}
	if until, ok := s.force[t]; ok && (until.IsZero() || until.After(now.Add(step.Action.For/2))) {
		return false
	}
	if step.Verdict == Apply {
		if n := s.touched(step.Subject, now); n >= s.config.Most {
			step.Verdict, step.Why = Hold, fmt.Sprintf("%d subjects were touched within an hour: a person decides", n)
		}
	}
	if step.Verdict != Apply {
		if at, ok := s.said[t]; ok && now.Sub(at) < refusedFor {
			return false
		}
		s.said[t] = now
		return true
	}
	s.last[step.Subject] = now
	switch {
	case actions[step.Action.Do].once:
	case step.Action.For == 0:
		s.force[t] = time.Time{}
	default:
		s.force[t] = now.Add(step.Action.For)
	}
	return true
}

// touched is how many others a machine touched within an hour.
func (s *Simulation) touched(but finding.Subject, now time.Time) (n int) {
	for subject, at := range s.last {
		if now.Sub(at) >= hour {
			delete(s.last, subject)
		} else if subject != but {
			n++
		}
	}
	return n
}

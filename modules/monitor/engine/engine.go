// Package engine is what sees in events what there is to see: rules, correlations and anomalies, one event after the other. Live and in replay it is
// the same, so that the same events give the same findings.
package engine

import (
	"sync/atomic"

	"github.com/convosphere/gateway/modules/monitor/anomaly"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Options of an engine.
type Options struct {
	Rules   *detect.Rules // nil: none
	Windows correlate.Options
	Anomaly *anomaly.Options // nil: it looks for none
}

// Engine sees events one after the other. But for Swap and Unusual, one goroutine at a time has it.
type Engine struct {
	rules   atomic.Pointer[detect.Rules]
	windows *correlate.Windows
	unusual atomic.Pointer[unusual]
	event   ecs.Event
}

// unusual is what looks for anomalies.
type unusual struct {
	o        anomaly.Options
	detector *anomaly.Detector
}

// New makes an engine that has seen nothing.
func New(o Options) *Engine {
	if o.Rules == nil {
		o.Rules = new(detect.Rules)
	}
	e := &Engine{windows: correlate.New(o.Rules, o.Windows)}
	e.rules.Store(o.Rules)
	e.Unusual(o.Anomaly)
	return e
}

// Unusual has anomalies looked for from now on as the options say; nil looks for none. What was learned stays where they are as before.
func (e *Engine) Unusual(o *anomaly.Options) {
	if o == nil {
		e.unusual.Store(nil)
		return
	}
	if u := e.unusual.Load(); u == nil || u.o != *o {
		e.unusual.Store(&unusual{*o, anomaly.New(*o)})
	}
}

// Swap has other rules looked for from now on, also while events are seen. What correlations have counted stays where they are the same.
func (e *Engine) Swap(rules *detect.Rules) {
	e.windows.Swap(rules)
	e.rules.Store(rules)
}

// Rules are those that are looked for.
func (e *Engine) Rules() *detect.Rules { return e.rules.Load() }

// Windows are the correlations' counts.
func (e *Engine) Windows() *correlate.Windows { return e.windows }

// Subjects is how many subjects are known to anomaly detection, how many may be, and how many had to go for others. Not beside See.
func (e *Engine) Subjects() (known, most int, evicted uint64) {
	if u := e.unusual.Load(); u != nil {
		return u.detector.Subjects()
	}
	return 0, 0, 0
}

// See looks at one event, a JSON object as the bus writes it, and tells what it finds. more adds what is known of it but not written; nil adds nothing. An
// error says that the line is no event.
func (e *Engine) See(line []byte, more func(*ecs.Event), found func(*finding.Finding)) error {
	if err := e.event.Parse(line); err != nil {
		return err
	}
	if more != nil {
		more(&e.event)
	}
	e.SeeEvent(&e.event, found)
	return nil
}

// SeeEvent looks at an event that is parsed already.
func (e *Engine) SeeEvent(event *ecs.Event, found func(*finding.Finding)) {
	if Own(event.Text("event.action")) {
		return
	}
	seen := func(f *finding.Finding) {
		e.Taint(f)
		found(f)
	}
	e.windows.Advance(event.Time(), seen)
	e.rules.Load().Match(event, func(r *detect.Rule) { e.windows.Observe(r, event, seen) })
	if u := e.unusual.Load(); u != nil {
		u.detector.See(event, found)
	}
}

// Taint keeps anomaly detection from learning of an attack that a rule saw.
func (e *Engine) Taint(f *finding.Finding) {
	u := e.unusual.Load()
	if u == nil || f.Level < finding.Medium {
		return
	}
	for _, s := range f.Subjects {
		u.detector.Taint(s)
	}
}

// End tells of what could not be told before more events had come: a replay has seen all.
func (e *Engine) End(found func(*finding.Finding)) { e.windows.End(found) }

// own are the events that come of findings.
var own = map[string]bool{
	"finding": true, "monitor-behind": true, "journal-behind": true,
	"incident-opened": true, "incident-changed": true, "incident-closed": true,
	"response-applied": true, "response-undone": true, "response-proposed": true, "response-held": true, "response-failed": true, "response-ended": true, "response-dismissed": true,
	"alert-sent": true, "alert-failed": true, "audit-checkpoint": true, "output-lost": true, "output-back": true,
}

// Own tells whether an action is of events that come of findings. Nothing is looked for in them, so that no finding leads to itself.
func Own(action string) bool { return own[action] }

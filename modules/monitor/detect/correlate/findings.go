package correlate

import (
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// single tells of a rule that one event is enough for.
func (w *Windows) single(r *detect.Rule, e *ecs.Event, t int64, found func(*finding.Finding)) {
	if !w.told.tell(w.suppressionOf(r, e), t, r.Suppress.Microseconds()) {
		return
	}
	subjects := subjectsOf(r, e)
	f := w.finding(r, subjects, e)
	f.Kind, f.Count = finding.Match, 1
	f.First = time.UnixMicro(t).UTC()
	f.Last = f.First
	if id := e.ID(); id != "" {
		f.Events = []string{strings.Clone(id)}
	}
	f.Explain = explain(r, &outcome{count: 1})
	found(f)
}

// several tells of a correlation whose condition holds with the event e.
func (w *Windows) several(s *spec, o *outcome, e *ecs.Event, t int64, found func(*finding.Finding)) {
	r := s.rule
	if !w.told.tell(w.suppressionOf(r, e), t, r.Suppress.Microseconds()) {
		return
	}
	subjects := subjectsOf(r, e)
	f := w.finding(r, subjects, e)
	f.Kind, f.Count, f.Distinct = finding.Correlation, o.count, o.distinct
	f.First, f.Last = time.UnixMicro(o.first).UTC(), time.UnixMicro(o.last).UTC()
	for _, ref := range o.refs() {
		if id := w.refs.get(ref); id != "" && (len(f.Events) == 0 || f.Events[len(f.Events)-1] != id) {
			f.Events = append(f.Events, id)
		}
	}
	f.Explain = explain(r, o)
	found(f)
}

func (w *Windows) finding(r *detect.Rule, subjects []finding.Subject, e *ecs.Event) *finding.Finding {
	return &finding.Finding{
		ID: finding.ID(r.ID, subjects, e.ID()), Rule: r.ID, Title: r.Title, Level: r.Level, Subjects: subjects, Tags: r.Tags, Respond: r.Respond, Node: w.o.Node,
	}
}

// maxSubjects bounds whom one finding is about.
const maxSubjects = 8

// subjectsOf names whom a finding is about: all of the rule's subjects that the event has.
func subjectsOf(r *detect.Rule, e *ecs.Event) (all []finding.Subject) {
	for _, field := range subjectFields(r) {
		if v := e.Text(field); v != "" && len(all) < maxSubjects {
			all = append(all, finding.SubjectOf(field, strings.Clone(v)))
		}
	}
	return all
}

// suppressionOf is the key of subjectsOf, made without them: most findings are more of the same.
func (w *Windows) suppressionOf(r *detect.Rule, e *ecs.Event) uint64 {
	var space [256]byte
	b, n := append(space[:0], r.Digest[:]...), 0
	for _, field := range subjectFields(r) {
		if v := e.Text(field); v != "" && n < maxSubjects {
			b = appendSubject(b, finding.SubjectOf(field, v))
			n++
		}
	}
	return w.hash(b)
}

func (w *Windows) suppressionKey(r *detect.Rule, subjects []finding.Subject) uint64 {
	var space [256]byte
	b := append(space[:0], r.Digest[:]...)
	for _, s := range subjects {
		b = appendSubject(b, s)
	}
	return w.hash(b)
}

func appendSubject(b []byte, s finding.Subject) []byte {
	b = append(append(b, s.Kind...), 0xff) // which is in no UTF-8
	return append(append(b, s.ID...), 0xff)
}

// explain fills in what a rule's text for people may hold.
func explain(r *detect.Rule, o *outcome) string {
	if !strings.Contains(r.Explain, "{") {
		return r.Explain
	}
	span := ""
	if r.Correlation != nil {
		span = timespan(r.Correlation.Timespan)
	}
	return strings.NewReplacer("{count}", strconv.Itoa(o.count), "{distinct}", strconv.Itoa(o.distinct), "{timespan}", span).Replace(r.Explain)
}

// Suppress says that a finding of the correlation was told of these subjects at that time, by somebody else.
func (w *Windows) Suppress(digest [32]byte, subjects []finding.Subject, at time.Time) {
	if s := w.rules.Load().by[digest]; s != nil {
		w.told.tell(w.suppressionKey(s.rule, subjects), at.UnixMicro(), s.rule.Suppress.Microseconds())
	}
}

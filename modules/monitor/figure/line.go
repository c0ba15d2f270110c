package figure

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Line is one figure as reports have it.
type Line struct {
	Group string // "Requests"
	Name  string // as in CSV: requests, availability
	Title string // for people
	Kind  Kind
	Value float64 // in Kind's unit; NaN: nobody knows
	Share Share   // of a share
	Note  string  // what whoever reads it must know
}

// Kind is what a line's value is.
type Kind string

// Kinds.
const (
	Count   Kind = "count"
	Percent Kind = "share"   // 0 to 1
	Seconds Kind = "seconds" // a time
)

// Groups of lines.
const (
	groupRequests  = "Requests"
	groupAvailable = "Availability"
	groupSignIns   = "Sign-ins"
	groupDetection = "Detection and response"
	groupCost      = "Cost of security per request"
	groupPolicy    = "Policy coverage"
)

// Lines are all figures of a report, in the order in which they are read.
func (r *Report) Lines() []Line {
	var all []Line
	count := func(group, name, title string, n int64, note string) {
		all = append(all, Line{Group: group, Name: name, Title: title, Kind: Count, Value: float64(n), Note: note})
	}
	share := func(group, name, title string, s Share, note string) {
		all = append(all, Line{Group: group, Name: name, Title: title, Kind: Percent, Value: s.Value(), Share: s, Note: note})
	}
	t := &r.Traffic
	count(groupRequests, "requests", "Requests and sockets", t.Requests, "")
	count(groupRequests, "passed", "Answered", t.Passed, "by the application, or by the gateway's own pages")
	count(groupRequests, "asked", "Asked for something first", t.Asked, "to sign in, for a second factor, to solve a puzzle")
	count(groupRequests, "refused", "Refused", t.Refused, "")
	for _, part := range t.RefusedBy.Largest() {
		count(groupRequests, "refused_by_"+part, "– by "+PartTitle(part), t.RefusedBy[part], "")
	}
	count(groupRequests, "gone", "Left before the answer", t.Gone, "by the client")
	count(groupRequests, "backend_failed", "Failed by the application", t.Backend, "it answered with an error of its own, or not at all")
	count(groupRequests, "failed", "Failed by the gateway", t.Failed, "")
	for _, part := range t.FailedBy.Largest() {
		count(groupRequests, "failed_by_"+part, "– by "+PartTitle(part), t.FailedBy[part], "")
	}
	share(groupAvailable, "availability", "Requests that the gateway did not fail", t.Availability, "")
	share(groupAvailable, "uptime", "Time in which a node was up", t.Uptime, "at least: of nodes that are up by turns within one step the best one counts")
	for _, n := range r.Nodes {
		share(groupAvailable, "uptime_"+n.Name, "– node "+n.Name, n.Up, "")
	}
	count(groupSignIns, "logins", "Succeeded", r.Logins.OK, "")
	count(groupSignIns, "logins_failed", "Failed or refused", r.Logins.Failed, "")
	count(groupSignIns, "second_factors_wrong", "Wrong second factors", r.Logins.WrongFactor, "")
	count(groupSignIns, "bad_tokens", "Requests with a bad token", r.Logins.BadToken, "")
	all = append(all, r.work()...)
	all = append(all, r.costs()...)
	share(groupPolicy, "policy_coverage", "Requests for a path that a route names", r.Covered.Requests, "of those that the policy was asked about; all others need somebody signed in")
	if r.Covered.Known {
		share(groupPolicy, "routes_seen", "Configured routes that were asked for", Share{r.Covered.Seen, r.Covered.Configured}, "by whole days")
	}
	count(groupPolicy, "events_lost", "Events that are in none of these figures", r.Lost, "since they found no place")
	return all
}

func (r *Report) work() (all []Line) {
	add := func(name, title string, kind Kind, value float64, s Share, note string) {
		all = append(all, Line{groupDetection, name, title, kind, value, s, note})
	}
	count := func(name, title string, n int64, note string) { add(name, title, Count, float64(n), Share{}, note) }
	count("findings", "Findings", r.Found.Findings, "what rules and anomaly detection saw")
	count("responses", "Responses", r.Found.Responses, "")
	w := &r.Work
	if !w.Known {
		return all
	}
	note := ""
	if w.More {
		note = "there are more: the figures are of these, the first ones"
	}
	count("incidents", "Incidents that began", w.Opened, note)
	count("incidents_open", "– not closed yet", w.StillOpen, "")
	count("incidents_true", "– judged to be so", w.True, "")
	count("incidents_false", "– judged false alarms", w.False, "")
	count("incidents_unjudged", "– not judged", w.Unjudged, "they are in no share below")
	add("detection_rate", "Detected by machines within "+shown(InTime), Percent, w.Detection.Value(), w.Detection, "of what was judged to be so; attacks that nobody noticed can't be known")
	count("found_late", "– found by machines, later", w.Late, "")
	count("found_by_people", "– reported by people first", w.Reported, "")
	add("false_positive_rate", "False alarms", Percent, w.FalseShare.Value(), w.FalseShare, "of what machines found and people judged")
	for _, one := range []struct {
		name, title string
		t           *Times
	}{{"detect", "Time to detect", &w.Detect}, {"respond", "Time to respond", &w.Respond}, {"close", "Time to close", &w.Close}} {
		note := fmt.Sprintf("of %d", one.t.N)
		if one.t.Open > 0 {
			note += fmt.Sprintf("; %d have not ended, and are in none of these", one.t.Open)
		}
		for _, m := range []struct {
			name, title string
			value       time.Duration
		}{{"mean", "mean", one.t.Mean}, {"median", "median", one.t.Median}, {"p90", "nine of ten", one.t.P90}} {
			value := m.value.Seconds()
			if one.t.N == 0 {
				value = math.NaN()
			}
			add("time_to_"+one.name+"_"+m.name, one.title+", "+m.title, Seconds, value, Share{}, note)
		}
	}
	return all
}

func (r *Report) costs() (all []Line) {
	for _, p := range append([]Price{r.Price}, r.Prices...) {
		title, name := "– "+PartTitle(p.Part), "cost_"+p.Part
		if p.Part == OfAll || p.Part == "" {
			title, name = "All together", "cost"
		}
		for _, m := range []struct {
			name, title string
			value       time.Duration
		}{{"mean", "mean", p.Mean}, {"p50", "half of them, at most", p.P50}, {"p95", "95%, at most", p.P95}, {"p99", "99%, at most", p.P99}} {
			value := m.value.Seconds()
			if !p.Known() {
				value = math.NaN()
			}
			all = append(all, Line{groupCost, name + "_" + m.name, title + ", " + m.title, Seconds, value, Share{}, fmt.Sprintf("of %s timed", Number(p.N))})
		}
	}
	return all
}

// titles are the words for parts.
var titles = map[string]string{
	"audit": "recording", "client": "the look at the client", "authenticate": "the look at who it is", "rate_limit": "rate limits", "waf": "the firewall (WAF)", "portal": "sign-in pages", "console": "the console",
	"authorize": "the policy", "validate": "the check of form", "upload": "the check of uploads", "protect": "encryption and masking",
	partBan: "a ban", partSocket: "what was said on a socket", partOther: "another part", OfAll: "all parts",
}

// PartTitle is the word for a part, for people.
func PartTitle(part string) string {
	if title, ok := titles[part]; ok {
		return title
	}
	return part
}

// Text is the value for people.
func (l Line) Text() string {
	if math.IsNaN(l.Value) {
		return "not known"
	}
	switch l.Kind {
	case Percent:
		return PercentText(l.Value)
	case Seconds:
		return shown(time.Duration(l.Value * float64(time.Second)))
	}
	return Number(int64(l.Value))
}

// Doubt is how sure a share is, for people.
func (l Line) Doubt() string {
	if l.Kind != Percent || !l.Share.Known() || l.Group == groupAvailable {
		return ""
	}
	low, high := l.Share.Bounds()
	return fmt.Sprintf("%s of %s; 95%% sure: %s to %s", Number(l.Share.N), Number(l.Share.Of), PercentText(low), PercentText(high))
}

// PercentText says so much that what is not all is not said to be all, nor what is something nothing.
func PercentText(v float64) string {
	if v == 0 || v == 1 {
		return strconv.FormatFloat(v*100, 'f', 0, 64) + "%"
	}
	for digits := 1; ; digits++ {
		text := strconv.FormatFloat(v*100, 'f', digits, 64)
		if rounded, err := strconv.ParseFloat(text, 64); digits == 4 || err == nil && rounded != 0 && rounded != 100 {
			return text + "%"
		}
	}
}

// Number has a comma between thousands.
func Number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// shown is a time in a unit that fits it.
func shown(d time.Duration) string {
	in := func(unit time.Duration, name string) string {
		return strings.TrimSuffix(strconv.FormatFloat(float64(d)/float64(unit), 'f', 1, 64), ".0") + " " + name
	}
	switch {
	case d < time.Millisecond:
		return in(time.Microsecond, "µs")
	case d < time.Second:
		return in(time.Millisecond, "ms")
	case d < time.Minute:
		return in(time.Second, "s")
	case d < time.Hour:
		return in(time.Minute, "min")
	case d < 48*time.Hour:
		return in(time.Hour, "h")
	}
	return in(24*time.Hour, "days")
}

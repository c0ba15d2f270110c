package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// seen is a finding, as `convosphere detect replay --json` writes it.
type seen struct {
	Rule     string    `json:"rule"`
	Title    string    `json:"title"`
	Level    string    `json:"level"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Subjects []struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	} `json:"subjects"`
	Named json.RawMessage `json:"events"` // ids; in a summary a number

	events []string
}

// alerts are the levels that somebody is woken up for, more or less.
var alerts = []string{"medium", "high", "critical"}

// known is the truth, read back.
type known struct {
	campaigns map[string]*scored
	subjects  map[string][]*scored
	events    map[string]*scored
	users     int
	days      int
	seed      uint64
	total     int64
}

// scored is a campaign and what was found of it.
type scored struct {
	Kind     string         `json:"kind"`
	Speed    string         `json:"speed"`
	Spread   string         `json:"spread"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
	Events   int64          `json:"events"`
	Findings int            `json:"findings"` // of level medium and above
	Hints    int            `json:"hints"`    // below
	Detected bool           `json:"detected"`
	After    float64        `json:"seconds_to_detect,omitempty"` // of events' time, from the campaign's first event
	Rules    map[string]int `json:"rules,omitempty"`
	began    bool
}

func readTruth(r io.Reader) (*known, error) {
	k := &known{campaigns: map[string]*scored{}, subjects: map[string][]*scored{}, events: map[string]*scored{}}
	of := func(name string) *scored {
		c := k.campaigns[name]
		if c == nil {
			c = &scored{Rules: map[string]int{}}
			k.campaigns[name] = c
		}
		return c
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var l truthLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("reading the truth: %w", err)
		}
		switch {
		case l.Users > 0:
			k.users, k.days, k.seed, k.total = l.Users, l.Days, l.Seed, l.Events
		case l.Event != "":
			k.events[l.Event] = of(l.Campaign)
		case l.Subject != "":
			k.subjects[l.Subject] = append(k.subjects[l.Subject], of(l.Campaign))
		default:
			c := of(l.Campaign)
			c.Kind, c.Speed, c.Spread, c.First, c.Last, c.Events, c.began = l.Kind, l.Speed, l.Spread, *l.First, *l.Last, l.Events, true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the truth: %w", err)
	}
	if k.users == 0 {
		return nil, fmt.Errorf("reading the truth: its last line is missing")
	}
	return k, nil
}

// report is what came of a run.
type report struct {
	Synthetic   string         `json:"note"`
	Users       int            `json:"users"`
	Days        int            `json:"days"`
	Seed        uint64         `json:"seed"`
	Events      int64          `json:"events"`
	Campaigns   []*scored      `json:"campaigns"`
	Findings    int            `json:"findings"`     // of all levels
	False       int            `json:"false_alerts"` // of level medium and above, about nobody's campaign
	FalseRate   float64        `json:"false_alerts_per_1000_user_days"`
	FalseByRule map[string]int `json:"false_alerts_by_rule,omitempty"`
	Examples    []string       `json:"false_alert_examples,omitempty"`
	Beside      int            `json:"beside"`     // about a subject of a campaign, from events that are not the campaign's
	Background  int            `json:"background"` // about the scanning that every site gets
	Quiet       int            `json:"quiet"`      // below medium, about nobody's campaign
}

const synthetic = "The traffic is synthetic: the figures say how the rules fare with people, machines and attackers as this program makes them up, not with those of a site."

// mostExamples is how many false alerts a report shows.
const mostExamples = 20

// grace is how long after a campaign's last event a finding may still be about it.
const grace = 24 * time.Hour

// score reads findings, a JSON object a line, and holds them against the truth.
func (k *known) score(findings io.Reader) (*report, error) {
	r := &report{Synthetic: synthetic, Users: k.users, Days: k.days, Seed: k.seed, Events: k.total, FalseByRule: map[string]int{}}
	dec := json.NewDecoder(findings)
	for {
		var f seen
		switch err := dec.Decode(&f); {
		case err == io.EOF:
			r.FalseRate = float64(r.False) * 1000 / float64(max(1, k.users*k.days))
			r.Campaigns = k.list()
			return r, nil
		case err != nil:
			return nil, fmt.Errorf("reading findings: %w", err)
		}
		if f.Rule == "" && f.Level == "" {
			continue // a summary
		}
		if err := json.Unmarshal(f.Named, &f.events); err != nil && len(f.Named) > 0 {
			return nil, fmt.Errorf("reading findings: the events of %s: %w", f.name(), err)
		}
		r.Findings++
		k.judge(&f, r)
	}
}

// list has the campaigns in order.
func (k *known) list() []*scored {
	all := slices.DeleteFunc(slices.Collect(maps.Values(k.campaigns)), func(c *scored) bool { return !c.began || c.Kind == noisy })
	slices.SortFunc(all, func(a, b *scored) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), slices.Index(speeds, a.Speed)-slices.Index(speeds, b.Speed), strings.Compare(b.Spread, a.Spread))
	})
	return all
}

// judge says what a finding is: a campaign seen, a false alert, or neither.
func (k *known) judge(f *seen, r *report) {
	loud := slices.Contains(alerts, f.Level)
	of, subject := k.behind(f)
	switch {
	case of == nil && subject:
		r.Beside++
	case of == nil && loud:
		r.False++
		r.FalseByRule[f.name()]++
		if len(r.Examples) < mostExamples {
			r.Examples = append(r.Examples, f.String())
		}
	case of == nil:
		r.Quiet++
	case of.Kind == noisy:
		r.Background++
	case !loud:
		of.Hints++
	default:
		of.Findings++
		of.Rules[f.name()]++
		if after := f.Last.Sub(of.First).Seconds(); !of.Detected || after < of.After {
			of.Detected, of.After = true, max(after, 0)
		}
	}
}

// behind is the campaign that a finding is about: the one that most of the events it names are of. Where it names none, its subject's, at that time.
// subject tells whether it is at least about somebody who takes part in one.
func (k *known) behind(f *seen) (of *scored, subject bool) {
	var about []*scored
	for _, s := range f.Subjects {
		for _, c := range k.subjects[s.Kind+":"+s.ID] {
			if !f.Last.Before(c.First) && !f.Last.After(c.Last.Add(grace)) {
				about = append(about, c)
			}
		}
	}
	if len(f.events) == 0 {
		if len(about) > 0 {
			return about[0], true
		}
		return nil, false
	}
	votes := map[*scored]int{}
	for _, id := range f.events {
		if c := k.events[id]; c != nil {
			votes[c]++
		}
	}
	sum, most := 0, 0
	for c, n := range votes {
		sum += n
		if n > most || n == most && of != nil && c.name() < of.name() {
			of, most = c, n
		}
	}
	if of != nil && (slices.Contains(about, of) || 2*sum >= len(f.events)) {
		return of, true
	}
	return nil, len(about) > 0
}

func (c *scored) name() string { return c.Kind + "/" + c.Speed + "/" + c.Spread }

func (f *seen) name() string {
	if f.Title != "" {
		return f.Title
	}
	return f.Rule
}

func (f *seen) String() string {
	var about []string
	for _, s := range f.Subjects {
		about = append(about, s.Kind+":"+s.ID)
	}
	return fmt.Sprintf("%s %s %q about %s, %d events named", f.Last.Format(time.DateTime), f.Level, f.name(), strings.Join(about, " "), len(f.events))
}

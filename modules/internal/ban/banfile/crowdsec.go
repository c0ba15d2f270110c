package banfile

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
)

// decision is one of CrowdSec's, as `cscli decisions list -o json` and its local API have them.
type decision struct {
	Duration  string `json:"duration"` // what is left of it
	Scenario  string `json:"scenario"`
	Scope     string `json:"scope"` // Ip, Range; Country, AS and what else people define are not addresses
	Type      string `json:"type"`  // ban, captcha …
	Value     string `json:"value"`
	Simulated *bool  `json:"simulated"`
}

// readCrowdSec reads decisions: JSON of `cscli decisions list -o json` (alerts with their decisions), of the local API (`GET /v1/decisions`, and its
// stream), CSV of `cscli decisions list -o raw`, and the CSV that `cscli decisions import` takes. What is no ban of an address is left out.
func readCrowdSec(text string, now time.Time) ([]ban.Ban, error) {
	var all []decision
	var err error
	switch text = strings.TrimSpace(text); {
	case text == "":
		err = errEmpty
	case text == "null": // cscli's word for none
	case text[0] == '[' || text[0] == '{':
		all, err = decisionsOfJSON(text)
	default:
		all, err = decisionsOfCSV(text)
	}
	if err != nil {
		return nil, fmt.Errorf("reading CrowdSec's decisions: %w", err)
	}
	var bans []ban.Ban
	for i, d := range all {
		b, ok, err := d.ban(now)
		if err != nil {
			return nil, fmt.Errorf("reading CrowdSec's decisions: the one at %d: %w", i+1, err)
		}
		if ok {
			bans = append(bans, b)
		}
	}
	return bans, nil
}

func (d decision) ban(now time.Time) (b ban.Ban, ok bool, err error) {
	scope := strings.ToLower(d.Scope)
	if d.Type != "" && !strings.EqualFold(d.Type, "ban") || scope != "" && scope != "ip" && scope != "range" || d.Simulated != nil && *d.Simulated {
		return b, false, nil
	}
	if b.Prefix, err = ban.Parse(d.Value); err != nil {
		return b, false, err
	}
	if d.Duration != "" {
		left, err := time.ParseDuration(d.Duration)
		if err != nil {
			return b, false, fmt.Errorf("its duration: %w", err)
		}
		if left <= 0 {
			return b, false, nil
		}
		b.Expires = now.Add(left)
	}
	b.Reason = reason(d.Scenario)
	return b, true, nil
}

func decisionsOfJSON(text string) ([]decision, error) {
	type item struct {
		decision
		Decisions []decision `json:"decisions"` // of an alert
	}
	if text[0] == '{' {
		var stream struct {
			New []decision `json:"new"`
		}
		err := json.Unmarshal([]byte(text), &stream)
		return stream.New, err
	}
	var items []item
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, err
	}
	var all []decision
	for _, i := range items {
		if i.Value != "" {
			all = append(all, i.decision)
		}
		all = append(all, i.Decisions...)
	}
	return all, nil
}

// columns of the two kinds of CSV, by what they are called.
func (d *decision) set(column, v string) {
	switch column {
	case "value":
		d.Value = v
	case "ip": // as Ip:192.0.2.1
		if scope, value, ok := strings.Cut(v, ":"); ok && (strings.EqualFold(scope, "ip") || strings.EqualFold(scope, "range")) {
			d.Scope, d.Value = scope, value
		} else if ok && !strings.Contains(value, ":") && !strings.HasPrefix(v, ":") {
			d.Scope, d.Value = scope, value // Country:XY, AS:123
		} else {
			d.Value = v
		}
	case "scope":
		d.Scope = v
	case "type", "action":
		d.Type = v
	case "reason", "scenario":
		d.Scenario = v
	case "duration", "expiration":
		d.Duration = v
	case "simulated":
		yes := strings.EqualFold(v, "true")
		d.Simulated = &yes
	}
}

func decisionsOfCSV(text string) ([]decision, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.ReuseRecord = true
	first, err := r.Read()
	if err != nil {
		return nil, err
	}
	columns := make([]string, len(first))
	found := false
	for i, c := range first {
		columns[i] = strings.ToLower(strings.TrimSpace(c))
		found = found || columns[i] == "value" || columns[i] == "ip"
	}
	if !found {
		return nil, errors.New("the first line names no column value or ip")
	}
	var all []decision
	for {
		record, err := r.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		var d decision
		for i, v := range record {
			d.set(columns[i], strings.TrimSpace(v))
		}
		all = append(all, d)
	}
}

// foreverIn is the duration that is written for a ban that never ends: CrowdSec has no word for it.
const foreverIn = 10 * 365 * 24 * time.Hour

// WriteCrowdSec writes the CSV that `cscli decisions import -i - --format csv` takes.
func WriteCrowdSec(w io.Writer, bans []ban.Ban, now time.Time) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"duration", "scope", "value", "type", "reason"}) // the writer keeps its error
	for _, b := range bans {
		scope, value, left := "range", b.Prefix.String(), foreverIn
		if b.Prefix.IsSingleIP() {
			scope, value = "ip", b.Prefix.Addr().String()
		}
		if !b.Expires.IsZero() {
			left = b.Expires.Sub(now).Round(time.Second)
		}
		why := b.Reason
		if why == "" {
			why = "banned by the gateway"
		}
		_ = c.Write([]string{left.String(), scope, value, "ban", why})
	}
	c.Flush()
	return c.Error()
}

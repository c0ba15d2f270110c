// Package doctor looks at everything that a gateway stands on (files, disk, clock, certificates, links, limits, configuration) and says what is wrong and
// what to do about it. It changes nothing, and what it says holds no secret.
package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// State is how something is.
type State string

// States, from good to bad.
const (
	OK   State = "ok"
	Warn State = "warn" // it works, and should not stay so
	Fail State = "fail" // it does not work, or is open to others
)

// Finding is what a look at one thing came to.
type Finding struct {
	Check string `json:"check"` // of a-z and -: it stays, for whoever watches it
	State State  `json:"state"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // what to do about it
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, State: OK, Text: fmt.Sprintf(format, args...)}
}

func warn(check, do, format string, args ...any) Finding {
	return Finding{Check: check, State: Warn, Text: fmt.Sprintf(format, args...), Do: do}
}

func fail(check, do, format string, args ...any) Finding {
	return Finding{Check: check, State: Fail, Text: fmt.Sprintf(format, args...), Do: do}
}

// Report is all of it.
type Report struct {
	At       time.Time `json:"at"`
	Gateway  string    `json:"gateway"` // version of the program
	Worst    State     `json:"worst"`
	Findings []Finding `json:"findings"`
}

// NewReport sums findings up.
func NewReport(at time.Time, gateway string, all []Finding) Report {
	r := Report{At: at.UTC().Truncate(time.Second), Gateway: gateway, Worst: OK, Findings: all}
	for _, f := range all {
		if rank(f.State) > rank(r.Worst) {
			r.Worst = f.State
		}
	}
	return r
}

func rank(s State) int {
	switch s {
	case OK:
		return 0
	case Warn:
		return 1
	}
	return 2
}

// ExitCode is 0 where all is well, 1 where something should be looked at, 2 where something is wrong.
func (r Report) ExitCode() int { return rank(r.Worst) }

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Text writes the report for people; all tells whether what is well is in it.
func (r Report) Text(w io.Writer, all bool) error {
	var b strings.Builder
	counts := map[State]int{}
	for _, f := range r.Findings {
		counts[f.State]++
		if f.State == OK && !all {
			continue
		}
		fmt.Fprintf(&b, "%-4s  %-18s %s\n", f.State, f.Check, oneLine(f.Text))
		if f.Do != "" {
			fmt.Fprintf(&b, "      %-18s -> %s\n", "", oneLine(f.Do))
		}
	}
	fmt.Fprintf(&b, "%d ok, %d to look at, %d wrong\n", counts[OK], counts[Warn], counts[Fail])
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine keeps what a server or file said from looking like findings of ours.
func oneLine(s string) string {
	return cmp.Or(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " "), "-")
}

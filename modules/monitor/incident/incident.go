// Package incident keeps findings that are about one matter as one incident, which people work on: open, triaged, contained, remediated, closed.
//
// A finding joins the incident that is not closed, shares a subject with it, and is near to it in time: nearer where it is of another technique. One that
// belongs to several joins them to one. An incident's level is the highest of its findings. All is in the database, so that the gateways of a fleet have
// the same incidents. Each change that people make is kept with who made it and when; an Edit says which version they saw, and changes nothing where
// somebody was quicker.
package incident

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Bounds of what is kept of one incident.
const (
	MostFindings = 500
	MostSubjects = 200
	MostNotes    = 200
	MostNote     = 4 << 10 // bytes
	MostChanges  = 1000
	MostTags     = 20
	MostText     = 16 << 10 // bytes of recovery and of lessons
	mostWho      = 64
	mostTag      = 32
)

// Where an incident comes from.
const (
	Detection = "detection"
	Report    = "report" // people told of it before a machine did
)

// Verdicts.
const (
	True  = "true"  // it was what it looked like
	False = "false" // it was a false alarm
)

// Incident is findings that are worked as one.
type Incident struct {
	ID         string            `json:"id"`
	Version    int64             `json:"version"` // counts what people changed
	State      string            `json:"state"`
	Level      finding.Level     `json:"level"`
	Title      string            `json:"title"`
	Source     string            `json:"source"`
	Verdict    string            `json:"verdict,omitempty"`
	First      time.Time         `json:"first"` // of the events
	Last       time.Time         `json:"last"`
	Opened     time.Time         `json:"opened"`
	Triaged    time.Time         `json:"triaged,omitzero"`
	Contained  time.Time         `json:"contained,omitzero"`
	Remediated time.Time         `json:"remediated,omitzero"`
	Closed     time.Time         `json:"closed,omitzero"`
	Owner      string            `json:"owner,omitempty"`  // who works on it
	Closer     string            `json:"closer,omitempty"` // who closed it
	Merged     string            `json:"merged,omitempty"` // the incident that it became part of
	Count      int               `json:"findings"`         // how many, also those that are not kept
	Tags       []string          `json:"tags,omitempty"`
	Techniques []string          `json:"techniques,omitempty"` // of MITRE ATT&CK: T1110.003
	Subjects   []finding.Subject `json:"subjects,omitempty"`
	Recovery   string            `json:"recovery,omitempty"` // how things came back to what they were
	Lessons    string            `json:"lessons,omitempty"`  // what is to be learned of it
}

// Note is what somebody wrote.
type Note struct {
	At     time.Time `json:"at"`
	Author string    `json:"author"`
	Text   string    `json:"text"`
}

// Whole is an incident with all that is kept of it.
type Whole struct {
	Incident
	Findings []finding.Finding `json:"all_findings"` // by their time, MostFindings at most: the first and the last ones
	Rules    []Rule            `json:"rules,omitempty"`
	Notes    []Note            `json:"notes"`
	Changes  []Edited          `json:"changes,omitempty"` // by their versions
	Steps    []Step            `json:"steps,omitempty"`   // of playbooks, done
	Evidence []Evidence        `json:"evidence,omitempty"`
	Related  []Incident        `json:"related,omitempty"` // others about the same subjects, the newest first
}

// Rule is one that found it.
type Rule struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Findings int       `json:"findings"`
	Last     time.Time `json:"last"`
	Verdict  string    `json:"verdict,omitempty"` // "": as the incident's
}

// Change says what a finding did to its incident.
type Change uint8

// What a finding does.
const (
	Alone  Change = iota // nothing: it is too low to begin one, and belongs to none
	Known                // nothing: it was told before
	Joined               // it became part of one that there was
	Raised               // that one's level is higher now
	Opened               // it began one
)

// String is the change's word in metrics.
func (c Change) String() string {
	return [...]string{"alone", "known", "joined", "raised", "opened"}[c]
}

// Errors that callers tell apart.
var (
	ErrNotFound  = errors.New("there is no such incident")
	ErrState     = errors.New("the incident is not in a state for it")
	ErrMalformed = errors.New("it can't be")
	ErrFull      = errors.New("it has as many as there may be")
	ErrConflict  = errors.New("somebody changed the incident meanwhile")
)

// CheckWho refuses what can't be the id of somebody who works on incidents. It stands in events, which hold no names of people.
func CheckWho(who string) error {
	if who == "" || len(who) > mostWho || strings.Trim(who, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:-") != "" {
		return fmt.Errorf("%w: who does it is an id: letters, digits and . _ @ : -, at most %d", ErrMalformed, mostWho)
	}
	return nil
}

// checkNote takes what people write: several lines, no control characters.
func checkNote(text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("%w: the text is empty", ErrMalformed)
	}
	return checkText(text, MostNote)
}

func checkText(text string, most int) error {
	if len(text) > most || !plain(strings.NewReplacer("\n", "", "\t", "").Replace(text)) {
		return fmt.Errorf("%w: it is text of at most %d bytes", ErrMalformed, most)
	}
	return nil
}

// lines has browsers' line breaks be as everybody's.
func lines(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), " \n\t")
}

func plain(s string) bool { return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 }

func checkTag(tag string) error {
	if tag == "" || len(tag) > mostTag || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyz0123456789.:-") != "" {
		return fmt.Errorf("%w: a tag is of a-z, 0-9 and . : -, at most %d", ErrMalformed, mostTag)
	}
	return nil
}

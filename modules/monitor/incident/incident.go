// Package incident keeps findings that are about one matter as one incident, which people work on: open, acknowledged, closed, with notes.
//
// A finding joins the incident that is not closed and shares a subject with it, if both lie within a time of each other; one that shares subjects with
// several joins them to one. Its level is the highest of its findings. All is in the database, so that the gateways of a fleet have the same incidents.
package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// States of an incident.
const (
	Open         = "open"
	Acknowledged = "acknowledged" // somebody works on it
	Closed       = "closed"
)

// Bounds of what is kept of one incident.
const (
	MostFindings = 500
	MostSubjects = 200
	MostNotes    = 200
	MostNote     = 4 << 10 // bytes
	mostWho      = 64
)

// Incident is findings that are worked as one.
type Incident struct {
	ID           string            `json:"id"`
	State        string            `json:"state"`
	Level        finding.Level     `json:"level"`
	Title        string            `json:"title"`
	First        time.Time         `json:"first"` // of the events
	Last         time.Time         `json:"last"`
	Opened       time.Time         `json:"opened"`
	Acknowledged time.Time         `json:"acknowledged,omitzero"`
	Closed       time.Time         `json:"closed,omitzero"`
	Owner        string            `json:"owner,omitempty"`  // who acknowledged it
	Closer       string            `json:"closer,omitempty"` // who closed it
	Merged       string            `json:"merged,omitempty"` // the incident that it became part of
	Count        int               `json:"findings"`         // how many, also those that are not kept
	Subjects     []finding.Subject `json:"subjects,omitempty"`
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
	Notes    []Note            `json:"notes"`
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

// Errors.
var (
	ErrNotFound  = errors.New("there is no such incident")
	ErrState     = errors.New("the incident is not in a state for it")
	ErrMalformed = errors.New("it can't be")
	ErrFull      = errors.New("it has as many as there may be")
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
	if strings.TrimSpace(text) == "" || len(text) > MostNote || !plain(strings.ReplaceAll(text, "\n", "")) {
		return fmt.Errorf("%w: a note is text of at most %d bytes", ErrMalformed, MostNote)
	}
	return nil
}

func plain(s string) bool { return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 }

// about are the subjects that join findings. Which node it was on says nothing of what it is about.
func about(f *finding.Finding) []finding.Subject {
	return slices.DeleteFunc(slices.Clone(f.Subjects), func(s finding.Subject) bool { return s.Kind == finding.Node || s.ID == "" })
}

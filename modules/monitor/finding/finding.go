// Package finding is what a rule, a correlation or an anomaly saw in events, as one record that responses, incidents and alerts go by.
package finding

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Level is how bad it would be, were it true. Sigma's words.
type Level uint8

// The levels.
const (
	Informational Level = iota
	Low
	Medium
	High
	Critical
)

var levels = [...]string{"informational", "low", "medium", "high", "critical"}

// String is the level's word.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// ParseLevel reads a level's word.
func ParseLevel(word string) (Level, bool) {
	for l, name := range levels {
		if name == word {
			return Level(l), true
		}
	}
	return 0, false
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	var ok bool
	if *l, ok = ParseLevel(string(text)); !ok {
		return fmt.Errorf("a level is one of %s", strings.Join(levels[:], ", "))
	}
	return nil
}

// Kinds of subjects.
const (
	Client  = "client"  // an address, or the /64 of an IPv6 address
	User    = "user"    // user.id
	Session = "session" // gateway.session
	Device  = "device"  // gateway.device
	Account = "account" // gateway.account: what was tried at a login, hashed
	Node    = "node"    // gateway.node
)

// Subject is whom or what a finding is about.
type Subject struct {
	Kind string `json:"kind"` // one of the kinds, or the name of the field that it is the value of
	ID   string `json:"id"`
}

// String is the subject as people and commands write it: "client:192.0.2.7".
func (s Subject) String() string { return s.Kind + ":" + s.ID }

// ParseSubject reads what String gives.
func ParseSubject(text string) (Subject, error) {
	kind, id, ok := strings.Cut(text, ":")
	if !ok || kind == "" || id == "" || len(text) > 512 {
		return Subject{}, fmt.Errorf("a subject is written as KIND:ID, as client:192.0.2.7 or user:ID")
	}
	if kind == Client {
		id = client(id)
	}
	return Subject{kind, id}, nil
}

// kindOf says which kinds the fields of events give.
var kindOf = map[string]string{
	"source.ip": Client, "user.id": User, "gateway.session": Session, "gateway.device": Device, "gateway.account": Account, "gateway.node": Node,
}

// SubjectOf is the subject that a field of an event names. Addresses that one caller can choose freely are one: an IPv6 address is its /64.
func SubjectOf(field, value string) Subject {
	kind, ok := kindOf[field]
	if !ok {
		return Subject{field, value}
	}
	if kind == Client {
		value = client(value)
	}
	return Subject{kind, value}
}

func client(value string) string {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		return value // a prefix already, or no address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// Kinds of findings.
const (
	Match       = "match"       // one event is enough
	Correlation = "correlation" // several are
	Anomaly     = "anomaly"     // unlike what is usual: never enough for a ban
	Report      = "report"      // a person told of it: nothing is done about it by itself
)

// MostEvents is how many events a finding names.
const MostEvents = 20

// Finding is what was seen. It is never changed once told. Nothing in it but the ids of Subjects comes from clients.
type Finding struct {
	ID       string    `json:"id"`   // the same events give the same id, live and in replay: see ID
	Kind     string    `json:"kind"` // Match, Correlation or Anomaly
	Rule     string    `json:"rule"` // the rule's id; of an anomaly "anomaly"
	Title    string    `json:"title"`
	Level    Level     `json:"level"`
	First    time.Time `json:"first"` // of the events that it is made of
	Last     time.Time `json:"last"`
	Subjects []Subject `json:"subjects,omitempty"`
	Count    int       `json:"count"`              // how many events, those not named included
	Distinct int       `json:"distinct,omitempty"` // of a value_count: how many values
	Events   []string  `json:"events,omitempty"`   // event.id, the first and the last ones, MostEvents at most
	Tags     []string  `json:"tags,omitempty"`     // attack.t1110.003, …
	Respond  []string  `json:"respond,omitempty"`  // what the rule hints at: "challenge", "ban 1h"
	Explain  string    `json:"explain,omitempty"`  // for people
	Score    float64   `json:"score,omitempty"`    // of an anomaly
	Node     string    `json:"node,omitempty"`     // that told it
}

// ID makes the id of a finding from what tells it from all others: the rule, whom it is about, and which event set it off.
func ID(rule string, subjects []Subject, event string) string {
	h := sha256.New()
	part := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s))) // with lengths, so that no two lists read alike
		h.Write(n[:])
		h.Write([]byte(s))
	}
	part(rule)
	for _, s := range subjects {
		part(s.Kind)
		part(s.ID)
	}
	part(event)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:15]))
}

// Subject is the finding's subject of that kind.
func (f *Finding) Subject(kind string) (id string, ok bool) {
	for _, s := range f.Subjects {
		if s.Kind == kind {
			return s.ID, true
		}
	}
	return "", false
}

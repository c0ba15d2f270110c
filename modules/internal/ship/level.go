package ship

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/event"
)

// Level is how much an event matters, in the words of findings.
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
func (l Level) String() string { return levels[min(int(l), len(levels)-1)] }

// ParseLevel reads a level's word.
func ParseLevel(word string) (Level, error) {
	for l, name := range levels {
		if name == word {
			return Level(l), nil
		}
	}
	return 0, fmt.Errorf("%q is no level: they are %s", word, strings.Join(levels[:], ", "))
}

// levelFields hold the level that somebody gave an event.
var levelFields = [...]string{"gateway.finding.level", "gateway.incident.level"}

// levelOfAction is of events that matter more than their outcome says.
var levelOfAction = map[string]Level{
	"refresh-reuse": High, "policy-incident": High, "output-lost": High, "output-dropped": High, "alert-failed": High,
	"account-locked": Medium, "login-unusual": Medium, "token-refused": Low,
}

// levelOf judges an event: by the level that it carries, else by its action, else intrusion_detection and what the WAF stopped is medium, other failures low.
func levelOf(action, category, outcome string, rules bool, given string) Level {
	if l, err := ParseLevel(given); err == nil {
		return l
	}
	if l, ok := levelOfAction[action]; ok {
		return l
	}
	switch {
	case category == "intrusion_detection", rules && outcome == event.Failure:
		return Medium
	case outcome == event.Failure:
		return Low
	}
	return Informational
}

// quick is a field of a line that the bus wrote, where its value is one of our own words: what a client sent can't look like it, as its quotes are escaped.
func quick(line []byte, name string) string {
	key := `"` + name + `":"`
	at := bytes.Index(line, []byte(key))
	if at < 0 {
		return ""
	}
	value, _, _ := bytes.Cut(line[at+len(key):], []byte{'"'})
	return string(value)
}

// levelOfLine is levelOf for a line that nobody has read yet.
func levelOfLine(line []byte, action string) Level {
	given := ""
	for _, name := range levelFields {
		if s := quick(line, name); s != "" {
			given = s
		}
	}
	return levelOf(action, quick(line, "event.category"), quick(line, "event.outcome"), bytes.Contains(line, []byte(`"rule.id":[`)), given)
}

package ship

import (
	"fmt"
	"strings"

	"go.uber.org/zap/zapcore"

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
	"refresh-reuse": High, "policy-incident": High, "output-lost": High, "alert-failed": High,
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

// levelOfEvent is levelOf for an event that is not yet text.
func levelOfEvent(e *event.Event) Level {
	given := ""
	for i := range e.Fields {
		for _, name := range levelFields {
			if f := &e.Fields[i]; f.Key == name {
				given = textOf(f)
			}
		}
	}
	return levelOf(e.Action, e.Category, e.Outcome, len(e.RuleIDs) > 0, given)
}

func textOf(f *zapcore.Field) string {
	if s, ok := f.Interface.(fmt.Stringer); ok && f.Type == zapcore.StringerType {
		return s.String()
	}
	return f.String
}

package abuse

import "fmt"

// Signal is something that a client did.
type Signal uint8

// The signals.
const (
	Limited   Signal = iota // a rate limit refused it; counts once a second at most, since a flood is one fault
	Attack                  // the WAF blocked what it sent
	Login                   // a wrong password or code
	Token                   // a forged or malformed token; once a second at most
	Challenge               // a puzzle answered wrongly
	signals
)

var signalNames = [signals]string{"limited", "attack", "login", "token", "challenge"}

// String is the signal's word in configurations and metrics.
func (s Signal) String() string {
	if s < signals {
		return signalNames[s]
	}
	return fmt.Sprintf("signal %d", uint8(s))
}

// ParseSignal reads a signal's word.
func ParseSignal(word string) (Signal, bool) {
	for s, name := range signalNames {
		if name == word {
			return Signal(s), true
		}
	}
	return 0, false
}

// Signals are all of them.
func Signals() []Signal { return []Signal{Limited, Attack, Login, Token, Challenge} }

// spaced tells the signals that count once a second at most.
func (s Signal) spaced() bool { return s == Limited || s == Token }

// Level is what a score leads to.
type Level uint8

// The levels, each with what those before have.
const (
	None       Level = iota
	Tight            // limits are a quarter as wide
	Challenged       // must solve a puzzle
	Banned           // is to be banned
)

var levelNames = [...]string{"none", "tight", "challenged", "banned"}

// String is the level's word in events and metrics.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

package respond

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Actions, besides the kinds of package measure.
const (
	Ban         = "ban"
	EndSessions = "end_sessions"
	LockAccount = "lock_account"
	Webhook     = "webhook"
)

// The words of measures.
var (
	challenge    = measure.Challenge.String()
	throttle     = measure.Throttle.String()
	paranoia     = measure.Paranoia.String()
	secondFactor = measure.SecondFactor.String()
	closeSockets = measure.CloseSockets.String()
)

// kind is what there is to know of an action.
type kind struct {
	subjects []string      // kinds of subjects that it can be done to, the most fitting first
	lasts    time.Duration // if nothing else is said; 0: until it is undone
	once     bool          // it is done and over: it has no duration and no undo
	mild     bool          // a wrong one costs people a moment, and nothing is lost by it
}

var actions = map[string]kind{
	challenge:    {subjects: []string{finding.Client, finding.Session, finding.User}, lasts: time.Hour, mild: true},
	throttle:     {subjects: []string{finding.Client, finding.Session, finding.User}, lasts: time.Hour, mild: true},
	paranoia:     {subjects: []string{finding.Client, finding.Session, finding.User}, lasts: time.Hour, mild: true},
	secondFactor: {subjects: []string{finding.User, finding.Session}, lasts: 12 * time.Hour, mild: true},
	closeSockets: {subjects: []string{finding.Session, finding.User, finding.Client}, lasts: time.Minute},
	Ban:          {subjects: []string{finding.Client}, lasts: time.Hour},
	EndSessions:  {subjects: []string{finding.Session, finding.User}, once: true},
	LockAccount:  {subjects: []string{finding.User}},
	Webhook:      {subjects: nil, once: true}, // whoever it is about
}

// Actions are the words of all actions, in their order.
func Actions() []string {
	var all []string
	for word := range actions {
		all = append(all, word)
	}
	slices.Sort(all)
	return all
}

// Action is something to be done, for a time where that is said.
type Action struct {
	Do  string
	For time.Duration // 0: as long as is usual
}

// Longest is how long anything a response does may last, but for what lasts until it is undone.
const Longest = 90 * 24 * time.Hour

// ErrMalformed is wrapped by errors about what can't be.
var ErrMalformed = errors.New("it can't be done")

// ParseAction reads "ban", or "ban 1h".
func ParseAction(text string) (a Action, err error) {
	word, rest, timed := strings.Cut(strings.TrimSpace(text), " ")
	k, ok := actions[word]
	if !ok {
		return a, fmt.Errorf("%w: %q is no action: they are %s", ErrMalformed, cut(word), strings.Join(Actions(), ", "))
	}
	if a.Do = word; !timed {
		return a, nil
	}
	if k.once {
		return a, fmt.Errorf("%w: %s lasts no time", ErrMalformed, word)
	}
	a.For, err = ParseDuration(strings.TrimSpace(rest))
	return a, err
}

// ParseDuration reads a time as 90m or 30d, up to Longest.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok && err != nil {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n > 0 && n <= 90 {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d < time.Second || d > Longest {
		return 0, fmt.Errorf("%w: %q is no time: write one of 1s to 90d, as 90m or 30d", ErrMalformed, cut(text))
	}
	return d, nil
}

// String is what ParseAction reads.
func (a Action) String() string {
	if a.For == 0 {
		return a.Do
	}
	return a.Do + " " + a.For.String()
}

func cut(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// subject is whom of a finding's an action is done to.
func (k kind) subject(all []finding.Subject) (finding.Subject, bool) {
	if k.subjects == nil && len(all) > 0 {
		return all[0], true
	}
	for _, want := range k.subjects {
		for _, s := range all {
			if s.Kind == want && s.ID != "" {
				return s, true
			}
		}
	}
	return finding.Subject{}, false
}

package journal

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// lookTime is how long a question with text may take.
const lookTime = 120 * time.Millisecond

var levels = []string{"informational", "low", "medium", "high", "critical"}

// Filters are what events can be narrowed by, wherever they are shown: the console, the admin API, the command line.
func Filters() []view.Filter {
	return []view.Filter{
		{Name: "since", Title: "Since", Kind: view.Time, Default: "-24h", Hint: "-1h, -7d or a time"},
		{Name: "until", Title: "Until", Kind: view.Time, Hint: "a time; empty is now"},
		{Name: "action", Title: "Action", Kind: view.Text, Hint: "login, ban-* or !policy-decision"},
		{Name: "category", Title: "Category", Kind: view.Choice, Choices: []string{"api", "authentication", "configuration", "iam", "intrusion_detection", "malware", "process", "session", "web"}},
		{Name: "outcome", Title: "Outcome", Kind: view.Choice, Choices: []string{"success", "failure", "unknown"}},
		{Name: "level", Title: "Level, at least", Kind: view.Choice, Choices: levels},
		{Name: "verdict", Title: "Verdict of requests", Kind: view.Choice, Choices: []string{Allowed, Refused, Failed}},
		{Name: "part", Title: "Refused by", Kind: view.Choice, Choices: Parts()},
		{Name: "client", Title: "Client", Kind: view.Address, Hint: "192.0.2.7 or 192.0.2.0/24"},
		{Name: "user", Title: "Account", Kind: view.Text, Hint: "the id of an account"},
		{Name: "session", Title: "Session", Kind: view.Text},
		{Name: "account", Title: "Name that a login tried", Kind: view.Text, Hint: "its mark: 16 letters"},
		{Name: "rule", Title: "Rule", Kind: view.Text, Hint: "942100, 94* or a detection rule"},
		{Name: "route", Title: "Route", Kind: view.Text, Hint: "POST /api/*"},
		{Name: "path", Title: "Path", Kind: view.Text, Hint: "/api/* or a whole path"},
		{Name: "method", Title: "Method", Kind: view.Text},
		{Name: "host", Title: "Host", Kind: view.Text},
		{Name: "status", Title: "Status", Kind: view.Text, Hint: "403 or 5*"},
		{Name: "country", Title: "Country", Kind: view.Text, Hint: "DE or !DE"},
		{Name: "network", Title: "Network", Kind: view.Text},
		{Name: "permission", Title: "Permission", Kind: view.Text, Hint: "of a decision: room:read"},
		{Name: "reason", Title: "Reason", Kind: view.Text, Hint: "wrong password"},
		{Name: "node", Title: "Node", Kind: view.Text},
		{Name: "request", Title: "Request", Kind: view.Text, Hint: "the id of a request"},
		{Name: "text", Title: "Text in the event", Kind: view.Text, Hint: "as it is written there"},
	}
}

// byFilter is which filter is a condition on which field.
var byFilter = func() map[string]Field {
	all := map[string]Field{}
	for f := range fields {
		all[f.String()] = f
	}
	return all
}()

// FilterOf is what a question asks for. Errors wrap view.ErrMalformed.
func FilterOf(q view.Query) (Filter, error) {
	f := Filter{From: q.Time("since"), To: q.Time("until"), Request: q.Value("request"), Text: q.Value("text"), Patience: lookTime}
	for name, value := range q.Values() {
		field, ok := byFilter[name]
		if !ok || value == "" {
			continue
		}
		f.Conds = append(f.Conds, Is(field, value))
	}
	if err := f.check(); err != nil {
		return f, fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	return f, nil
}

// canonical is an address as events write it.
func canonical(address string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return address
}

// Says is what an event tells, in a few words.
func (h *Hit) Says() string {
	v := &h.row.values
	var words []string
	say := func(all ...string) {
		for _, w := range all {
			if w != "" {
				words = append(words, w)
			}
		}
	}
	switch {
	case v[Verdict] != "":
		say(v[Method], v[Path], v[Status])
		if v[Part] != "" {
			say("refused by " + v[Part])
		}
	case v[Permission] != "":
		say(v[Permission], v[Route])
	default:
		say(v[Reason], v[Route])
	}
	if len(words) == 0 {
		say(v[Path], v[Status])
	}
	return strings.Join(words, " ")
}

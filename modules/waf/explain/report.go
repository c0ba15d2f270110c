package explain

// Verdicts on a request.
const (
	Passes  = "passes"  // it goes on to the next handler
	Blocked = "blocked" // rules refuse it as an attack
	Refused = "refused" // it is malformed or more than may be, so that it can't be inspected whole
	Failed  = "failed"  // the rules could not be run
)

// Report says what the rules make of one request.
type Report struct {
	Request  string   `json:"request"`         // "POST /path", or "message on /path"
	Config   string   `json:"config"`          // where the rules come from
	Mode     string   `json:"mode"`            // that is configured at its path; the verdicts are those of mode block
	Paranoia int      `json:"paranoia"`        // that is configured
	Notes    []string `json:"notes,omitempty"` // what was mended in the request
	Verdict  Level    `json:"verdict"`         // at the configured paranoia level
	Levels   []Level  `json:"levels"`          // at each paranoia level, 1 to 4
	Hits     []Hit    `json:"hits"`            // at any level, by level and id
}

// Level is what would have happened at a paranoia level.
type Level struct {
	Paranoia  int    `json:"paranoia"`
	Verdict   string `json:"verdict"`
	Status    int    `json:"status,omitempty"` // of the answer, 0 where it passes, and for a message
	Close     int    `json:"close,omitempty"`  // the code that the socket is closed with, 0 where the message passes, and for a request
	Score     int    `json:"score"`
	Threshold int    `json:"threshold"`    // at which it is blocked
	Rules     []int  `json:"rules"`        // that hit
	By        int    `json:"by,omitempty"` // the rule that refused it, 0 where it passes or is over a limit
}

// Stops tells whether it would not have gone on to the next handler.
func (l Level) Stops() bool { return l.Status != 0 || l.Close != 0 }

// Hit is one rule that matched.
type Hit struct {
	ID       int      `json:"id"`
	Message  string   `json:"message"`
	Class    string   `json:"class,omitempty"` // sqli, xss, …; "" for a rule that looks for no attack
	File     string   `json:"file,omitempty"`
	Severity string   `json:"severity"`
	Score    int      `json:"score"`          // what it added, once for each value that it matched
	Paranoia int      `json:"paranoia"`       // the lowest level at which it hits
	Denies   bool     `json:"denies"`         // it refuses by itself, whatever the score
	Matches  []Match  `json:"matches"`        // on what
	Active   bool     `json:"active"`         // at the configured level
	Tags     []string `json:"tags,omitempty"` // of the rule
}

// Match is one value that a rule matched.
type Match struct {
	Variable string `json:"variable"` // ARGS:json.text
	Value    string `json:"value"`    // as the rule saw it, transformed
	Data     string `json:"data,omitempty"`
}

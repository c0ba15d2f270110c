package tune

import (
	"encoding/json"
	"io"
	"time"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
)

// event is what of a security event matters here. Other fields are nobody's concern.
type event struct {
	ID      string    `json:"event.id"`
	Time    time.Time `json:"@timestamp"`
	Path    string    `json:"url.path"`
	Route   string    `json:"gateway.route"` // "POST /api/rooms/{room}/messages", "" where the rules refused before it was known
	UserID  string    `json:"user.id"`
	User    string    `json:"user.name"`
	Rules   []int     `json:"rule.id"`
	Blocked bool      `json:"gateway.waf.blocked"`
	Matches []match   `json:"gateway.waf.matches"`
}

type match struct {
	Rule      int       `json:"rule"`
	Variables oneOrMany `json:"variable"`
	Excerpt   string    `json:"excerpt"` // redacted by the WAF
}

// oneOrMany is a string, or a list of them.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (v *oneOrMany) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*v = make([]string, 1)
		return json.Unmarshal(b, &(*v)[0])
	}
	return json.Unmarshal(b, (*[]string)(v))
}

const longestPath = 512 // where events cut it

// Add reads events: the lines of a file (also gzip), of every such file in a folder, or, for "-", of stdin.
func (t *Tuner) Add(name string, stdin io.Reader) error {
	unreadable, err := eventfile.Read(name, stdin, t.line)
	t.seen.Unreadable += unreadable
	return err
}

// Read reads events, one JSON object a line, also gzip. A line that is none is counted and passed over.
func (t *Tuner) Read(r io.Reader) error {
	unreadable, err := eventfile.Lines(r, t.line)
	t.seen.Unreadable += unreadable
	return err
}

// ReadJudged reads events that somebody looked at and took for false alarms: each is a reason by itself, whoever sent it. Read them before others: those that
// are among them are then not counted twice.
func (t *Tuner) ReadJudged(r io.Reader) error {
	unreadable, err := eventfile.Lines(r, func(line []byte) bool { return t.take(line, true) })
	t.seen.Unreadable += unreadable
	return err
}

func (t *Tuner) line(line []byte) (readable bool) { return t.take(line, false) }

func (t *Tuner) take(line []byte, isJudged bool) (readable bool) {
	var e event
	// A field of another type leaves the event out rather than half understood.
	if json.Unmarshal(line, &e) != nil {
		return false
	}
	if t.judged[e.ID] {
		return true
	}
	if isJudged && e.ID != "" && len(t.judged) < most {
		t.judged[e.ID] = true
	}
	t.event(&e, isJudged)
	return true
}

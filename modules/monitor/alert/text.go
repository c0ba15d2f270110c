package alert

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Message is an alert as a channel sends it.
type Message struct {
	ID         string        `json:"id"` // of tries of the same alert the same
	Level      finding.Level `json:"level"`
	Escalation int           `json:"escalation,omitempty"`
	Node       string        `json:"node,omitempty"`
	Title      string        `json:"title"` // one line
	Text       string        `json:"text"`  // several, plain
	At         time.Time     `json:"at"`
	Incidents  []Incident    `json:"incidents"`
	More       int           `json:"more,omitempty"` // incidents that are not named
	Test       bool          `json:"test,omitempty"`
}

// write fills in what people read.
func (m *Message) write(link string) {
	first := m.Incidents[0]
	for _, i := range m.Incidents {
		if i.Level > first.Level {
			first = i
		}
	}
	n := len(m.Incidents) + m.More
	m.Title = fmt.Sprintf("[%s] %s", m.Level, plain(first.Title, 120))
	switch {
	case m.Test:
		m.Title = "[test] " + plain(first.Title, 120)
	case n > 1:
		m.Title = fmt.Sprintf("[%s] %d incidents, among them: %s", m.Level, n, plain(first.Title, 100))
	case first.Closed:
		m.Title = fmt.Sprintf("[closed] %s", plain(first.Title, 120))
	}
	var b strings.Builder
	if m.Escalation > 0 {
		fmt.Fprintf(&b, "Nobody has acknowledged this yet (step %d).\n\n", m.Escalation)
	}
	for at, i := range m.Incidents {
		if at > 0 {
			b.WriteString("\n")
		}
		i.write(&b, link)
	}
	if m.More > 0 {
		fmt.Fprintf(&b, "\nand %d more: convosphere incident list\n", m.More)
	}
	m.Text = b.String()
}

func (i *Incident) write(b *strings.Builder, link string) {
	fmt.Fprintf(b, "%s\n", plain(i.Title, 200))
	if i.Closed {
		fmt.Fprintf(b, "  closed\n")
	}
	fmt.Fprintf(b, "  level: %s, findings: %d\n", i.Level, i.Findings)
	for at, s := range i.Subjects {
		if at == mostSubjects {
			b.WriteString("  …\n")
			break
		}
		fmt.Fprintf(b, "  %s\n", subject(s))
	}
	fmt.Fprintf(b, "  from %s to %s\n", i.First.UTC().Format("2006-01-02 15:04:05Z"), i.Last.UTC().Format("2006-01-02 15:04:05Z"))
	if link != "" {
		fmt.Fprintf(b, "  %s%s\n", link, plain(i.ID, 64))
	}
	fmt.Fprintf(b, "  convosphere incident show %s\n", plain(i.ID, 64))
}

// subject is one as people read it. Ids of our own and addresses stand as they are; what a client may have chosen is made harmless.
func subject(s finding.Subject) string {
	kind := plain(s.Kind, 40)
	switch s.Kind {
	case finding.Client:
		if a, err := netip.ParseAddr(s.ID); err == nil {
			return kind + " " + a.String()
		}
		if p, err := netip.ParsePrefix(s.ID); err == nil {
			return kind + " " + p.String()
		}
	case finding.User, finding.Session, finding.Device, finding.Account, finding.Node:
		if plain(s.ID, 64) == s.ID {
			return kind + " " + s.ID
		}
	}
	// No dot that makes it a name of a host, and no scheme: nothing that a program makes a link of.
	return kind + " " + strings.NewReplacer(".", "[.]", ":", "[:]").Replace(plain(s.ID, 64))
}

// plain leaves letters and digits of ASCII and a few signs. All else, in which markup, mentions, line ends and signs that turn the direction are, is a question mark.
func plain(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" .,:;/-_=+%'()", r) {
			b.WriteRune(r)
		} else {
			b.WriteByte('?')
		}
	}
	return b.String()
}

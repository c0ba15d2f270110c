package tune

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Report is what was found.
type Report struct {
	Options   Options    `json:"options"`
	Seen      Seen       `json:"seen"`
	Proposals []Proposal `json:"proposals"`
}

// Proposal is one exclusion, with the reasons for it.
type Proposal struct {
	Line   string     `json:"line"` // of the Caddyfile, in gw_waf
	Target string     `json:"target"`
	Path   string     `json:"path"`
	Hits   int        `json:"hits"`
	Users  int        `json:"users"`
	Judged bool       `json:"judged,omitempty"` // somebody took some of them for false alarms
	Rules  []Evidence `json:"rules"`
}

// Evidence is why one rule is in it.
type Evidence struct {
	Rule    int       `json:"rule"`
	Class   string    `json:"class"`
	Hits    int       `json:"hits"`
	Blocked int       `json:"blocked"` // in requests that were refused
	Users   int       `json:"users"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Excerpt string    `json:"excerpt,omitempty"`
}

func (p *Proposal) line() string {
	b := new(strings.Builder)
	b.WriteString("exclude")
	for _, r := range p.Rules {
		fmt.Fprintf(b, " %d", r.Rule)
	}
	fmt.Fprintf(b, " on %s at %s", p.Target, p.Path)
	return b.String()
}

// Text prints the proposals as lines of a Caddyfile, to be put into gw_waf; everything else is a comment.
func (r *Report) Text(w io.Writer) error {
	b := new(strings.Builder)
	for _, p := range r.Proposals {
		fmt.Fprintf(b, "# %s by %s\n", plural(p.Hits, "hit"), plural(p.Users, "user"))
		for _, e := range p.Rules {
			fmt.Fprintf(b, "#   %d (%s): %s by %s, %d in refused requests, %s to %s", e.Rule, e.Class, plural(e.Hits, "hit"), plural(e.Users, "user"), e.Blocked,
				e.First.UTC().Format("2006-01-02 15:04"), e.Last.UTC().Format("2006-01-02 15:04"))
			if e.Excerpt != "" {
				fmt.Fprintf(b, ", as in %s", comment(e.Excerpt))
			}
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "%s\n\n", p.Line)
	}
	s := r.Seen
	if len(r.Proposals) == 0 {
		fmt.Fprintf(b, "# Nothing to propose: no rule hit one field %d times or more, by %d or more clean users.\n", r.Options.MinHits, r.Options.MinUsers)
	}
	fmt.Fprintf(b, "# %s, %d with hits: %d by anonymous clients and %d by %d of %s who are not clean did not count; %s without a field that an exclusion can name.\n",
		plural(s.Events, "event"), s.Hits, s.Anonymous, s.Unclean, s.NotClean, plural(s.Users, "user"), plural(s.Vague, "hit"))
	if s.Unreadable > 0 {
		fmt.Fprintf(b, "# %s no event.\n", map[bool]string{true: "1 line was", false: strconv.Itoa(s.Unreadable) + " lines were"}[s.Unreadable == 1])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// comment quotes text so that it stays in its line, and so that Caddy replaces no variable in it.
func comment(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	return strings.ReplaceAll(strconv.Quote(s), "{$", "{ $")
}

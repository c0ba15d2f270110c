package policy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/author"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// shownInput is what of an input is told in words.
type shownInput struct {
	Request struct {
		Method, Path, Route, Permission, Classification string
		Query                                           url.Values
	} `json:"request"`
	Identity *struct {
		Name  string   `json:"name"`
		Roles []string `json:"roles"`
	} `json:"identity"`
	Resource, Parent *struct{ Type, ID string }
	Grants           struct{ Resource, Parent []string }
	Message          *struct{ Type, Direction string }
	Target           string
}

// printExplained prints the answers for people. What comes from outside is cleaned.
func printExplained(w io.Writer, s terminal.Style, list []explained) error {
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		x.text(&b, s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (x *explained) text(b *strings.Builder, s terminal.Style) {
	x.about(b, s)
	if x.Unasked != "" {
		fmt.Fprintf(b, "\n%s: the policy is not asked: %s\n", s.Verdict("refused", true), terminal.Clean(x.Unasked))
		return
	}
	if x.Decision == nil {
		return
	}
	fmt.Fprintf(b, "policy: %s, revision %s\n", terminal.Clean(x.From), x.Revision)
	if x.Then != nil {
		x.Then.text(b, s)
	}
	d := x.Decision
	word := "allowed"
	switch {
	case d.Failure != "":
		word = "refused (" + string(d.Failure) + ")"
	case d.StepUp:
		word = "denied, until a second factor is given"
	case !d.Allow:
		word = "denied"
	}
	fmt.Fprintf(b, "\n%s: %s\n", s.In(terminal.Bold, s.Verdict(word, !d.Allow)), terminal.Clean(d.Reason))
	if d.Error != "" {
		fmt.Fprintf(b, "  %s\n", terminal.Clean(d.Error))
	}
	d.obligations(b)
	if d.Allow && len(d.Encrypt) > 0 {
		fmt.Fprintf(b, "%s gw_authorize refuses it all the same where no gw_protect stands behind it\n", s.In(terminal.Yellow, "note:"))
	}
	if x.Explanation != nil {
		x.rules(b, s)
	}
}

func (x *explained) about(b *strings.Builder, s terminal.Style) {
	var in shownInput
	if x.Input == nil || json.Unmarshal(x.Input, &in) != nil {
		if x.Handler != "" {
			fmt.Fprintf(b, "handler %s\n", terminal.Clean(x.Handler))
		}
		return
	}
	by := "nobody signed in"
	if in.Identity != nil {
		by = fmt.Sprintf("%s (%s)", in.Identity.Name, strings.Join(in.Identity.Roles, ", "))
	}
	question := ""
	if len(in.Request.Query) > 0 {
		question = "?" + in.Request.Query.Encode()
	}
	fmt.Fprintf(b, "%s by %s\n", s.In(terminal.Bold, terminal.Clean(in.Request.Method+" "+in.Request.Path+question)), terminal.Clean(by))
	if m := in.Message; m != nil {
		fmt.Fprintf(b, "message: %s, %s\n", terminal.Clean(m.Type), terminal.Clean(m.Direction))
	}
	route := in.Request.Route
	if route == "" {
		route = "none lists it"
	}
	if x.Handler != "" {
		route += " (" + x.Handler + ")"
	}
	fmt.Fprintf(b, "route: %s\npermission: %s", terminal.Clean(route), terminal.Clean(in.Request.Permission))
	if c := in.Request.Classification; c != "" {
		fmt.Fprintf(b, ", %s", terminal.Clean(c))
	}
	b.WriteString("\n")
	for _, o := range []struct {
		what      string
		is        *struct{ Type, ID string }
		relations []string
	}{{"resource", in.Resource, in.Grants.Resource}, {"in", in.Parent, in.Grants.Parent}} {
		if o.is == nil {
			continue
		}
		granted := "nothing granted"
		if len(o.relations) > 0 {
			granted = "granted: " + strings.Join(o.relations, ", ")
		}
		fmt.Fprintf(b, "%s: %s — %s\n", o.what, terminal.Clean(o.is.Type+":"+o.is.ID), terminal.Clean(granted))
	}
	if in.Target != "" {
		fmt.Fprintf(b, "target: %s\n", terminal.Clean(in.Target))
	}
}

func (d *toldDecision) obligations(b *strings.Builder) {
	say := func(name string, set bool, value any) {
		if set {
			fmt.Fprintf(b, "  %s: %s\n", name, terminal.Clean(fmt.Sprint(value)))
		}
	}
	say("max_age", d.MaxAge > 0, d.MaxAge)
	say("tier", d.Tier != "", d.Tier)
	say("log", d.Log != "", d.Log)
	say("mask", len(d.Mask) > 0, strings.Join(d.Mask, ", "))
	say("encrypt", len(d.Encrypt) > 0, strings.Join(d.Encrypt, ", "))
	say("expires", d.Expires > 0, d.Expires)
	say("incident", d.Incident != "", d.Incident)
}

func (x *explained) rules(b *strings.Builder, s terminal.Style) {
	folder := folderOf(x.From)
	width := 0
	for _, r := range x.Explanation.Rules {
		width = max(width, len(author.Place(folder, r.File, r.Line)))
	}
	for _, r := range x.Explanation.Rules {
		at := author.Place(folder, r.File, r.Line)
		line := fmt.Sprintf("  %-*s  %s", width, at, terminal.Clean(strings.TrimPrefix(r.Name, "data.")))
		if r.Title != "" {
			line += s.In(terminal.Dim, "  "+terminal.Clean(r.Title))
		}
		if decides(x.Explanation, r) {
			line += s.In(terminal.Cyan, "  ← decides")
		}
		b.WriteString(line + "\n")
	}
	if len(x.Explanation.Tried) > 0 {
		b.WriteString("\nWhat would have allowed it, and where it did not hold:\n")
		author.Attempts(b, s, folder, x.Explanation.Tried, "  ")
	}
	if x.Explanation.Truncated {
		b.WriteString("\n(there was more than one explanation keeps)\n")
	}
	if len(x.Explanation.Trace) > 0 {
		b.WriteString("\n")
		for _, l := range x.Explanation.Trace {
			b.WriteString(cleanLine(l) + "\n")
		}
	}
}

func decides(x *engine.Explanation, r engine.Rule) bool {
	for _, d := range x.Decided {
		if d == r {
			return true
		}
	}
	return false
}

// cleanLine is a line of the trace, whole, without what a terminal would obey.
func cleanLine(l string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\ufffd' {
			return '?'
		}
		return r
	}, l)
}

// then is how it was decided when the event was written.
type then struct {
	ID       string   `json:"id,omitempty"`
	Allow    bool     `json:"allow"`
	Reason   string   `json:"reason,omitempty"`
	Rule     string   `json:"rule,omitempty"`
	Revision string   `json:"revision,omitempty"`
	Same     bool     `json:"same_input"`       // what is explained is what was decided about
	Hidden   []string `json:"hidden,omitempty"` // taken out of the input when it was logged
}

func (t *then) text(b *strings.Builder, s terminal.Style) {
	word := "allowed"
	if !t.Allow {
		word = "denied"
	}
	fmt.Fprintf(b, "then: %s: %s", s.Verdict(word, !t.Allow), terminal.Clean(t.Reason))
	if t.Rule != "" {
		fmt.Fprintf(b, ", by %s", terminal.Clean(t.Rule))
	}
	fmt.Fprintf(b, ", revision %s\n", terminal.Clean(t.Revision))
	switch {
	case len(t.Hidden) > 0:
		fmt.Fprintf(b, "%s the log hides: %s\n", s.In(terminal.Yellow, "note:"), terminal.Clean(strings.Join(t.Hidden, ", ")))
	case !t.Same:
		fmt.Fprintf(b, "%s the input is not what it was then: times, the session, or grants have changed, or it had a query, which no event holds\n", s.In(terminal.Yellow, "note:"))
	}
}

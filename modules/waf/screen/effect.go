package screen

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// silent tells whether a rule that matches lets the request pass and says nothing in a log.
func silent(r *seclang.Rule) bool {
	pass, quiet := false, false
	for _, a := range r.Links[0].Actions {
		switch a.Name {
		case "pass":
			pass = true
		case "allow", "block", "deny", "drop", "redirect", "proxy":
			return false
		case "nolog":
			quiet = true
		case "log", "auditlog":
			quiet = quiet && a.Name == "auditlog"
		}
	}
	return pass && quiet
}

// plain are actions that change nothing but what is logged of a rule that says something.
var plain = []string{"id", "phase", "t", "pass", "nolog", "noauditlog", "auditlog", "log", "msg", "logdata", "tag", "ver", "rev", "severity", "maturity", "accuracy",
	"capture", "multimatch", "chain", "status", "block", "deny"}

// flow, if any, is where a matching rule goes on: after a marker, or after so many rules.
func flow(r *seclang.Rule) (after string, skip int) {
	for _, a := range r.Links[0].Actions {
		switch a.Name {
		case "skipafter":
			after = a.Value
		case "skip":
			skip, _ = strconv.Atoi(a.Value)
		}
	}
	return after, skip
}

// control is what a ctl action does.
type control struct{ name, value, target string }

func controls(r *seclang.Rule) (out []control) {
	for _, l := range r.Links {
		for _, a := range l.Actions {
			if a.Name == "ctl" {
				name, value, _ := strings.Cut(a.Value, "=")
				value, target, _ := strings.Cut(value, ";")
				out = append(out, control{strings.ToLower(name), value, target})
			}
		}
	}
	return out
}

// lessens tells whether the control can only take rules and targets away, none of the rules that are relied on among them, or concerns logs, or what is taken for granted.
func (c control) lessens(relied []*seclang.Rule) bool {
	switch c.name {
	case "auditengine", "auditlogparts", "debugloglevel", "ruleengine": // the engine's mode makes no rule match
		return true
	case "forceresponsebodyvariable": // an Answer has the body that the rules see
		return true
	case "ruleremovetargetbyid", "ruleremovetargetbytag", "ruleremovetargetbymsg":
		variable, _, _ := strings.Cut(c.target, ":")
		return !strings.EqualFold(strings.TrimSpace(variable), "tx") && !strings.HasPrefix(c.target, "+")
	case "ruleremovebyid":
		from, to, err := seclang.IDs(c.value)
		return err == nil && !slices.ContainsFunc(relied, func(r *seclang.Rule) bool { return r.ID >= from && r.ID <= to })
	case "ruleremovebytag":
		return !slices.ContainsFunc(relied, func(r *seclang.Rule) bool { return slices.Contains(r.Tags, c.value) })
	}
	return false
}

// removes tells whether the control may take a rule out.
func (c control) removes(r *seclang.Rule) bool {
	switch c.name {
	case "ruleremovebyid":
		from, to, err := seclang.IDs(c.value)
		return err != nil || r.ID >= from && r.ID <= to
	case "ruleremovebytag":
		return slices.Contains(r.Tags, c.value)
	case "ruleremovebymsg":
		return true
	}
	return false
}

// narrows tells whether the control may take members of a target from a rule.
func (c control) narrows(r *seclang.Rule, t seclang.Target) bool {
	name, key, _ := strings.Cut(c.target, ":")
	key = strings.Trim(strings.TrimSpace(key), "'")
	if !strings.EqualFold(strings.TrimSpace(name), t.Name) || t.Key != "" && !t.Regex && key != "" && key[0] != '/' && !strings.EqualFold(key, t.Key) {
		return false
	}
	switch c.name {
	case "ruleremovetargetbyid":
		from, to, err := seclang.IDs(c.value)
		return err != nil || r.ID >= from && r.ID <= to
	case "ruleremovetargetbytag":
		return slices.Contains(r.Tags, c.value)
	case "ruleremovetargetbymsg":
		return true
	}
	return false
}

// exceptions are the targets that a directive takes from rules, as controls; one that it adds begins with +.
func exceptions(s seclang.Setting) (out []control) {
	by, ok := strings.CutPrefix(s.Name, "secruleupdatetarget")
	fields := strings.Fields(s.Args)
	if !ok || len(fields) == 0 {
		return nil
	}
	last := len(fields) - 1
	for _, t := range strings.Split(strings.Trim(fields[last], `"`), "|") {
		target, taken := strings.CutPrefix(t, "!")
		if !taken {
			target = "+" + t
		}
		if by != "byid" {
			out = append(out, control{"ruleremovetargetbymsg", "", target}) // of whichever rule
			continue
		}
		for _, id := range fields[:last] {
			out = append(out, control{"ruleremovetargetbyid", id, target})
		}
	}
	return out
}

// unsettles tells whether the control changes what variables hold, or whether rules run at all.
func (c control) unsettles() bool {
	return !strings.HasPrefix(c.name, "ruleremove") && c.name != "auditengine" && c.name != "auditlogparts" && c.name != "debugloglevel"
}

// reads lists the TX variables that a link's condition looks at: by name, or several at once.
func reads(l *seclang.Link) (keys []string, several []selector) {
	for _, t := range l.Targets {
		if t.Name == "TX" {
			keys = append(keys, t.Key)
			if t.Key == "" || t.Regex {
				s, _ := newSelector(t) // an expression that is none: all, Coraza does not load the rule
				several = append(several, s)
			}
		}
	}
	return append(keys, readsIn(l.Arg)...), several
}

// readsIn lists the TX variables that a text names as macros.
func readsIn(text string) (keys []string) {
	for {
		_, after, found := strings.Cut(text, "%{")
		if !found {
			return keys
		}
		name, rest, _ := strings.Cut(after, "}")
		if collection, key, _ := strings.Cut(name, "."); strings.EqualFold(collection, "tx") {
			keys = append(keys, strings.ToLower(key))
		}
		text = rest
	}
}

// writes lists the TX variables that links may set: names, and beginnings of names that end in something variable.
type writes struct{ names, beginnings []string }

func (w *writes) add(l *seclang.Link) {
	for _, a := range l.Actions {
		if a.Name != "setvar" {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(a.Value, "!"), "=")
		_, name, _ = strings.Cut(strings.ToLower(name), ".")
		if begin, _, variable := strings.Cut(name, "%{"); variable {
			w.beginnings = append(w.beginnings, begin)
		} else {
			w.names = append(w.names, name)
		}
	}
	if l.Capture {
		w.capture()
	}
}

func (w *writes) capture() {
	for i := range 10 {
		w.names = append(w.names, strconv.Itoa(i))
	}
}

// inputs are the TX variables that a rule reads.
type inputs struct {
	keys    []string
	several []selector
}

// inputsOf lists the TX variables that a rule reads as other rules left them, so not what it captures itself before.
func inputsOf(r *seclang.Rule) (in inputs) {
	own := -1
	for i := range r.Links {
		in.ask(&r.Links[i], own)
		own = max(own, groups(&r.Links[i]))
		in.set(&r.Links[i], own)
	}
	return in
}

// ask adds what a link's condition reads, but for captures up to own.
func (in *inputs) ask(l *seclang.Link, own int) {
	keys, several := reads(l)
	in.note(keys, own)
	in.several = append(in.several, several...)
}

// set adds what a link reads to set something else.
func (in *inputs) set(l *seclang.Link, own int) {
	for _, a := range l.Actions {
		if a.Name == "setvar" {
			in.note(readsIn(a.Value), own)
		}
	}
}

func (in *inputs) note(keys []string, own int) {
	for _, k := range keys {
		if n, err := strconv.Atoi(k); err != nil || n > own {
			in.keys = append(in.keys, k)
		}
	}
}

// groups is the last capture that a link sets for sure when it holds, -1 for none.
func groups(l *seclang.Link) int {
	switch {
	case !l.Capture || l.Not:
		return -1
	case l.Op == "pm" || l.Op == "pmFromFile" || l.Op == "pmf" || l.Op == "detectSQLi":
		return 0
	case l.Op != "rx":
		return -1
	}
	re, err := syntax.Parse(expression(l.Arg), syntax.Perl)
	if err != nil {
		return -1
	}
	return min(re.MaxCap(), 8)
}

// addAll adds what a rule may set without matching: its last link sets only when it does.
func (w *writes) addAll(r *seclang.Rule) {
	for i := range r.Links[:len(r.Links)-1] {
		w.add(&r.Links[i])
	}
}

// meet tells whether something that is read is written.
func (w *writes) meet(in inputs) bool {
	for _, s := range in.several {
		if len(w.beginnings) > 0 || slices.ContainsFunc(w.names, s.has) {
			return true
		}
	}
	return slices.ContainsFunc(in.keys, func(k string) bool {
		return slices.Contains(w.names, k) || slices.ContainsFunc(w.beginnings, func(b string) bool { return strings.HasPrefix(k, b) })
	})
}

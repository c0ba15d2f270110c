package screen

import (
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
		return !strings.EqualFold(variable, "tx")
	case "ruleremovebyid":
		from, to, err := seclang.IDs(c.value)
		return err == nil && !slices.ContainsFunc(relied, func(r *seclang.Rule) bool { return r.ID >= from && r.ID <= to })
	case "ruleremovebytag":
		return !slices.ContainsFunc(relied, func(r *seclang.Rule) bool { return slices.Contains(r.Tags, c.value) })
	}
	return false
}

// unsettles tells whether the control changes what variables hold, or whether rules run at all.
func (c control) unsettles() bool {
	return !strings.HasPrefix(c.name, "ruleremove") && c.name != "auditengine" && c.name != "auditlogparts" && c.name != "debugloglevel"
}

// reads lists the TX variables that a link's condition looks at, and whether it looks at more than can be listed.
func reads(l *seclang.Link) (keys []string, more bool) {
	for _, t := range l.Targets {
		if t.Name == "TX" {
			if t.Key == "" || t.Regex {
				more = true
			}
			keys = append(keys, t.Key)
		}
	}
	return append(keys, readsIn(l.Arg)...), more
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
		for i := range 10 {
			w.names = append(w.names, strconv.Itoa(i))
		}
	}
}

// addAll adds what a rule may set without matching: its last link sets only when it does.
func (w *writes) addAll(r *seclang.Rule) {
	for i := range r.Links[:len(r.Links)-1] {
		w.add(&r.Links[i])
	}
}

// meet tells whether a link reads what is written, also only to set something else.
func (w *writes) meet(l *seclang.Link) bool {
	keys, more := reads(l)
	for _, a := range l.Actions {
		if a.Name == "setvar" {
			keys = append(keys, readsIn(a.Value)...)
		}
	}
	if more && (len(w.names) > 0 || len(w.beginnings) > 0) {
		return true
	}
	return slices.ContainsFunc(keys, func(k string) bool {
		return slices.Contains(w.names, k) || slices.ContainsFunc(w.beginnings, func(b string) bool { return strings.HasPrefix(k, b) })
	})
}

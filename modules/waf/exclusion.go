package waf

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of an exclusion, so that its rule stays far below the 64 KiB a line may have in Coraza.
const (
	maxExclusions = 800
	maxSelectors  = 64
	maxTargets    = 64
	maxPaths      = 16
)

// Exclusion keeps rules from matching: at all, on some values, at some paths.
type Exclusion struct {
	// Rules: an id ("942100"), a range ("942100-942199") or a tag ("tag:attack-sqli").
	Rules []string `json:"rules"`

	// Values that these rules don't match: a variable, with a name where it has names ("ARGS:text"). Empty: the rules are not run.
	On []string `json:"on,omitempty"`

	// Paths where it holds. Empty: everywhere.
	At []PathPattern `json:"at,omitempty"`
}

// variables are what an exclusion may name, and what they are called in rules: ARGS is the query and the body together, and a rule may
// ask for either alone. names: a key may follow.
var variables = map[string]struct {
	rules []string
	names bool
}{
	"ARGS":                  {[]string{"ARGS", "ARGS_GET", "ARGS_POST"}, true},
	"ARGS_NAMES":            {[]string{"ARGS_NAMES", "ARGS_GET_NAMES", "ARGS_POST_NAMES"}, true},
	"REQUEST_COOKIES":       {[]string{"REQUEST_COOKIES"}, true},
	"REQUEST_COOKIES_NAMES": {[]string{"REQUEST_COOKIES_NAMES"}, true},
	"REQUEST_HEADERS":       {[]string{"REQUEST_HEADERS"}, true},
	"REQUEST_HEADERS_NAMES": {[]string{"REQUEST_HEADERS_NAMES"}, true},
	"RESPONSE_HEADERS":      {[]string{"RESPONSE_HEADERS"}, true},
	"FILES":                 {[]string{"FILES"}, false},
	"FILES_NAMES":           {[]string{"FILES_NAMES"}, false},
	"QUERY_STRING":          {[]string{"QUERY_STRING"}, false},
	"REQUEST_BASENAME":      {[]string{"REQUEST_BASENAME"}, false},
	"REQUEST_BODY":          {[]string{"REQUEST_BODY"}, false},
	"REQUEST_FILENAME":      {[]string{"REQUEST_FILENAME"}, false},
	"REQUEST_LINE":          {[]string{"REQUEST_LINE"}, false},
	"REQUEST_URI":           {[]string{"REQUEST_URI"}, false},
	"REQUEST_URI_RAW":       {[]string{"REQUEST_URI_RAW"}, false},
	"RESPONSE_BODY":         {[]string{"RESPONSE_BODY"}, false},
	"XML":                   {[]string{"XML"}, false},
}

func variableNames() string {
	names := make([]string, 0, len(variables))
	for v := range variables {
		names = append(names, v)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// flowTags are on rules without which the Core Rule Set does not come to a verdict. A test holds the list against its files.
var flowTags = []string{"OWASP_CRS", "anomaly-evaluation", "reporting"}

var (
	selectorID  = regexp.MustCompile(`^[1-9][0-9]{0,7}$`)
	selectorTag = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$`)
	targetName  = regexp.MustCompile(`^[A-Za-z0-9_$@*\[\]-][A-Za-z0-9_$@*.\[\]-]{0,127}$`)
)

// parseExclusion reads the words after `exclude`.
func parseExclusion(words []string) (Exclusion, error) {
	var x Exclusion
	to, seen := "", map[string]bool{}
	for _, w := range words {
		if w == "on" || w == "at" {
			if seen[w] || w == "on" && seen["at"] {
				return x, fmt.Errorf("%q stands once, on before at", w)
			}
			to, seen[w] = w, true
			continue
		}
		switch to {
		case "on":
			x.On = append(x.On, strings.Split(w, ",")...)
		case "at":
			x.At = append(x.At, PathPattern(w))
		default:
			x.Rules = append(x.Rules, w)
		}
	}
	switch {
	case len(x.Rules) == 0:
		return x, errors.New("it names no rule")
	case seen["on"] && len(x.On) == 0:
		return x, errors.New("no variable follows on")
	case seen["at"] && len(x.At) == 0:
		return x, errors.New("no path follows at")
	}
	return x, x.validate()
}

func (x Exclusion) validate() error {
	switch {
	case len(x.Rules) == 0:
		return errors.New("it names no rule")
	case len(x.Rules) > maxSelectors:
		return fmt.Errorf("%d rules: there are at most %d; write a range, a tag, or a second line", len(x.Rules), maxSelectors)
	case len(x.On) > maxTargets:
		return fmt.Errorf("%d variables: there are at most %d", len(x.On), maxTargets)
	}
	for _, s := range x.Rules {
		if err := validateSelector(s, len(x.On) > 0); err != nil {
			return err
		}
	}
	for _, v := range x.On {
		if err := validateTarget(v); err != nil {
			return err
		}
	}
	return validatePaths(x.At)
}

// span is the range of ids that a selector names, false for a tag.
func span(selector string) (from, to int, ok bool) {
	a, b, isRange := strings.Cut(selector, "-")
	if !isRange {
		b = a
	}
	if !selectorID.MatchString(a) || !selectorID.MatchString(b) {
		return 0, 0, false
	}
	from, _ = strconv.Atoi(a) // digits only
	to, _ = strconv.Atoi(b)
	return from, to, from <= to
}

func validateSelector(s string, targeted bool) error {
	if tag, ok := strings.CutPrefix(s, "tag:"); ok {
		switch {
		case !selectorTag.MatchString(tag):
			return fmt.Errorf("%q: a tag has letters, digits and _./-", s)
		case !targeted && slices.Contains(flowTags, tag):
			return fmt.Errorf("%s is also on the rules that set up and count the score: name a narrower tag, or the variables with on", s)
		}
		return nil
	}
	from, to, ok := span(s)
	if !ok {
		return fmt.Errorf("%q: it is no rule id, no range <from>-<to> and no tag:<tag>", s)
	}
	if id, why := untouchable(from, to); id != 0 {
		if from == to {
			return fmt.Errorf("%d can't be excluded: %s", id, why)
		}
		return fmt.Errorf("%d of %s can't be excluded: %s", id, s, why)
	}
	return nil
}

// untouchable finds the first id of a range without which there is no verdict, or a limit less.
func untouchable(from, to int) (id int, why string) {
	type part struct {
		from, to int
		why      string
	}
	parts := []part{
		{200000, 200001, "it chooses how a body is parsed"},
		{200004, 200005, "it bounds the arguments"},
		{590000, 590999, "it is the gateway's own"},
	}
	for file := 901000; file <= 999000; file += 1000 {
		switch file {
		case 901000:
			parts = append(parts, part{file, file + 999, "it sets up the Core Rule Set"})
		case 949000, 959000, 980000:
			parts = append(parts, part{file, file + 999, "it counts the score"})
		default:
			parts = append(parts, part{file + 11, file + 18, "it chooses the paranoia level"})
		}
	}
	for _, p := range parts {
		if first := max(from, p.from); first <= min(to, p.to) {
			return first, p.why
		}
	}
	return 0, ""
}

func validateTarget(v string) error {
	name, key, keyed := strings.Cut(v, ":")
	known, ok := variables[name]
	switch {
	case name == "ARGS_GET" || name == "ARGS_POST" || name == "JSON":
		return fmt.Errorf("%q: write ARGS, which is the query and the body, also of JSON", v)
	case !ok:
		return fmt.Errorf("%q: the variables are %s", v, variableNames())
	case keyed && !known.names:
		return fmt.Errorf("%q: %s has no names", v, name)
	case keyed && !targetName.MatchString(key):
		return fmt.Errorf("%q: a name has letters, digits and _.-$@[], with * for a part between dots", v)
	case keyed && strings.Trim(key, "*.") == "":
		return fmt.Errorf("%q: that is every name; write %s", v, name)
	}
	return nil
}

// targets gives a variable as rules call it, for ctl: an ARGS name stands for the form field and for the JSON member, whose name
// Coraza begins with "json.". Coraza compares names in lower case.
func targets(v string) (all []string) {
	name, key, keyed := strings.Cut(v, ":")
	if keyed {
		key = strings.ToLower(key)
		args := strings.HasPrefix(name, "ARGS")
		switch {
		case args || strings.Contains(key, "*"):
			e := strings.ReplaceAll(regexp.QuoteMeta(key), `\*`, `[^.]+`)
			if args {
				e = `(?:json\.)?` + e
			}
			key = ":/\\A" + e + `\z/`
		default:
			key = ":" + key
		}
	}
	for _, r := range variables[name].rules {
		all = append(all, r+key)
	}
	return all
}

// inPhase1 is the rule that keeps others from matching in one transaction, "" where that is done once and for all (atLoad).
func (x Exclusion) inPhase1(id int) string {
	if len(x.On) == 0 && len(x.At) == 0 {
		return ""
	}
	b := new(strings.Builder)
	if len(x.At) == 0 {
		b.WriteString(`SecAction "`)
	} else {
		fmt.Fprintf(b, `SecRule REQUEST_FILENAME "@rx %s" "`, expressionOf(x.At))
	}
	fmt.Fprintf(b, "id:%d,phase:1,t:none,pass,nolog", id)
	ctl := func(action, value string) { fmt.Fprintf(b, ",\\\nctl:%s=%s", action, value) } // a line each: Coraza's have a limit
	for _, s := range x.Rules {
		by, value := "ById", s
		if tag, ok := strings.CutPrefix(s, "tag:"); ok {
			by, value = "ByTag", tag
		}
		if len(x.On) == 0 {
			ctl("ruleRemove"+by, value)
			continue
		}
		for _, v := range x.On {
			for _, t := range targets(v) {
				ctl("ruleRemoveTarget"+by, value+";"+t)
			}
		}
	}
	b.WriteString("\"\n")
	return b.String()
}

// atLoad takes rules out of the set, once all are read.
func (x Exclusion) atLoad() string {
	if len(x.On) > 0 || len(x.At) > 0 {
		return ""
	}
	b := new(strings.Builder)
	for _, s := range x.Rules {
		if tag, ok := strings.CutPrefix(s, "tag:"); ok {
			fmt.Fprintf(b, "SecRuleRemoveByTag %s\n", tag)
		} else {
			fmt.Fprintf(b, "SecRuleRemoveById %s\n", s)
		}
	}
	return b.String()
}

// unknown are the ids that x names one by one and that no rule of the set has.
func (x Exclusion) unknown(known map[int]string) (ids []int) {
	for _, s := range x.Rules {
		if from, to, ok := span(s); ok && from == to {
			if _, ok := known[from]; !ok {
				ids = append(ids, from)
			}
		}
	}
	return ids
}

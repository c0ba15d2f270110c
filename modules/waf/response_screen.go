package waf

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/convosphere/gateway/modules/waf/leak"
)

const coreRules = "@owasp_crs/"

var (
	bodyRule      = regexp.MustCompile(`^\s*SecRule RESPONSE_BODY "(!?)@(\w+) (.*)" \\?$`)
	paranoiaLevel = regexp.MustCompile(`tag:'paranoia-level/(\d)'`)
	screens       [5]struct {
		once sync.Once
		s    *leak.Screen
		err  error
	}
)

// leakScreen is the screen of the Core Rule Set's response rules up to a paranoia level. It is made once in a process.
func leakScreen(level int) (*leak.Screen, error) {
	x := &screens[level]
	x.once.Do(func() { x.s, x.err = newLeakScreen(level) })
	return x.s, x.err
}

func newLeakScreen(level int) (*leak.Screen, error) {
	files, err := fs.Glob(coreruleset.FS, coreRules+"RESPONSE-95[0-8]-*.conf")
	if err != nil {
		return nil, err
	}
	var rules []leak.Rule
	var gates [][]string
	for _, file := range files {
		text, err := fs.ReadFile(coreruleset.FS, file)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(string(text), "\n")
		gate := 0
		for i, line := range lines {
			if strings.HasPrefix(line, "SecMarker") {
				gate = 0
			}
			m := bodyRule.FindStringSubmatch(line)
			if m == nil {
				if strings.Contains(line, "RESPONSE_BODY") && !strings.HasPrefix(line, "#") {
					return nil, fmt.Errorf("%s:%d: a condition that the screen does not know: %s", file, i+1, line)
				}
				continue
			}
			if above(lines[i+1:], level) {
				continue
			}
			r, err := condition(m[2], strings.ReplaceAll(m[3], `\"`, `"`))
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
			}
			if err := transformed(&r, lines[i+1:]); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
			}
			if m[1] == "!" { // no phrase of it: the rules up to the marker are jumped over
				if len(r.Phrases) == 0 || gate != 0 || !jumps(lines[i+1:]) {
					return nil, fmt.Errorf("%s:%d: a negation that the screen does not know", file, i+1)
				}
				gates = append(gates, r.Phrases)
				gate = len(gates)
				continue
			}
			r.Gate = gate
			rules = append(rules, r)
		}
	}
	return leak.New(rules, gates)
}

// actions are the lines of a rule after its first.
func actions(lines []string) []string {
	for i, l := range lines {
		if !strings.HasSuffix(l, `\`) {
			return lines[:i+1]
		}
	}
	return lines
}

// above tells whether a rule belongs to a higher paranoia level. A rule without one, as in a chain, does not.
func above(lines []string, level int) bool {
	for _, l := range actions(lines) {
		if m := paranoiaLevel.FindStringSubmatch(l); m != nil {
			n, _ := strconv.Atoi(m[1])
			return n > level
		}
	}
	return false
}

var transformation = regexp.MustCompile(`\bt:(\w+)`)

// transformed reads what is done with the text before a rule sees it.
func transformed(r *leak.Rule, lines []string) error {
	var all []string
	for _, m := range transformation.FindAllStringSubmatch(strings.Join(actions(lines), ""), -1) {
		all = append(all, m[1])
	}
	switch t := strings.Join(all, " "); {
	case t == "none", t == "":
	case t == "none removeWhitespace lowercase" && r.Text != "":
		r.Squeezed = true
	default:
		return fmt.Errorf("transformations that the screen does not know: %s", t)
	}
	return nil
}

func jumps(lines []string) bool {
	return strings.Contains(strings.Join(actions(lines), ""), "skipAfter:")
}

// condition is a rule's as the screen takes it.
func condition(operator, argument string) (leak.Rule, error) {
	switch operator {
	case "rx":
		return leak.Rule{Expression: argument}, nil
	case "contains":
		return leak.Rule{Text: argument}, nil
	case "pmFromFile":
		b, err := fs.ReadFile(coreruleset.FS, coreRules+argument)
		if err != nil {
			return leak.Rule{}, err
		}
		var r leak.Rule
		for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
			if l := strings.TrimSpace(in.Text()); l != "" && l[0] != '#' {
				r.Phrases = append(r.Phrases, l)
			}
		}
		return r, nil
	}
	return leak.Rule{}, fmt.Errorf("an operator that the screen does not know: %s", operator)
}

package screen

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// condition is one link of a rule's chain, as far as it can be evaluated here.
type condition struct {
	targets    []target
	not        bool
	ask        func(x *exchange, value string) bool
	captures   *regexp.Regexp // of a condition that captures: fills TX.0 to TX.8
	transforms []plugintypes.Transformation
	multi      bool
	sets       []setvar
}

// captures tells whether the operator of a link gives something to capture.
func captures(l *seclang.Link) bool {
	return slices.Contains([]string{"rx", "pm", "pmFromFile", "pmf", "pmFromDataset", "detectSQLi", "rbl", "validateNid"}, l.Op)
}

// setvar is an assignment to a TX variable.
type setvar struct{ key, value macro }

// newCondition makes a condition of a link; ok is false where it can't be evaluated.
func newCondition(l *seclang.Link, root fs.FS) (c *condition, ok bool) {
	if c, ok = newTest(l, root); !ok {
		return nil, false
	}
	if c.sets, ok = newSetvars(l.Actions); !ok {
		return nil, false
	}
	return c, true
}

// capture makes a condition capture as its link does; ok is false where it can't.
func (c *condition) capture(l *seclang.Link) (ok bool) {
	if l.Op != "rx" || l.Not || binary(l.Arg) {
		return false
	}
	re, err := regexp.Compile(expression(l.Arg))
	c.captures = re
	return err == nil
}

// newTest makes the condition without what it sets.
func newTest(l *seclang.Link, root fs.FS) (c *condition, ok bool) {
	c = &condition{not: l.Not, multi: l.Multi}
	if l.Always {
		return c, true
	}
	if c.targets, ok = newTargets(l.Targets, l.Phase); !ok {
		return nil, false
	}
	for _, name := range l.Transforms {
		f, err := getTransformation(name)
		if err != nil {
			return nil, false
		}
		c.transforms = append(c.transforms, f)
	}
	if c.ask, ok = newQuestion(l, root); !ok {
		return nil, false
	}
	return c, true
}

// newQuestion is what the operator asks of a value.
func newQuestion(l *seclang.Link, root fs.FS) (ask func(x *exchange, value string) bool, ok bool) {
	compare := func(f func(value, arg string) bool) (func(x *exchange, value string) bool, bool) {
		m, ok := newMacro(l.Arg)
		if !ok || l.Arg == "" {
			return nil, false
		}
		return func(x *exchange, value string) bool { return f(value, m.expand(x)) }, true
	}
	number := func(f func(value, arg int) bool) (func(x *exchange, value string) bool, bool) {
		return compare(func(value, arg string) bool {
			v, _ := strconv.Atoi(value) // what is no number is 0, as in Coraza
			a, _ := strconv.Atoi(arg)
			return f(v, a)
		})
	}
	switch l.Op {
	case "eq":
		return number(func(v, a int) bool { return v == a })
	case "gt":
		return number(func(v, a int) bool { return v > a })
	case "ge":
		return number(func(v, a int) bool { return v >= a })
	case "lt":
		return number(func(v, a int) bool { return v < a })
	case "le":
		return number(func(v, a int) bool { return v <= a })
	case "streq":
		return compare(func(v, a string) bool { return v == a })
	case "contains":
		return compare(strings.Contains)
	case "beginsWith":
		return compare(strings.HasPrefix)
	case "endsWith":
		return compare(strings.HasSuffix)
	case "within":
		return compare(func(v, a string) bool { return strings.Contains(a, v) })
	case "unconditionalMatch":
		return func(*exchange, string) bool { return true }, true
	case "noMatch":
		return func(*exchange, string) bool { return false }, true
	case "rx", "pm", "pmFromFile", "pmf", "validateByteRange", "detectSQLi", "detectXSS", "validateUrlEncoding", "validateUtf8Encoding":
		is, ok := newOperator(l, root)
		return func(_ *exchange, value string) bool { return is(value) }, ok
	}
	return nil, false
}

// newOperator is an operator that has no macros: Coraza's own, but for expressions, which the automaton is faster at. What costs time to make is made when it is
// first asked, since most never are; but files are read at once, since they may change later, unless they are compiled in (their folder's name begins with @).
func newOperator(l *seclang.Link, root fs.FS) (is func(value string) bool, ok bool) {
	make := func() (func(string) bool, error) {
		if l.Op == "rx" && !binary(l.Arg) {
			if d := newDFA(expression(l.Arg), false); d != nil {
				return d.match, nil
			}
		}
		op, err := getOperator(l.Op, plugintypes.OperatorOptions{Arguments: l.Arg, Path: []string{l.Dir}, Root: root})
		if err != nil {
			return nil, err
		}
		if fmt.Sprintf("%T", op) == "*operators.binaryRX" && !strings.Contains(l.Arg, "(?") {
			if d := newDFA(l.Arg, true); d != nil {
				return d.match, nil
			}
		}
		return func(value string) bool { return op.Evaluate(idle{}, value) }, nil
	}
	if l.Op != "rx" && l.Op != "pm" && !(strings.HasPrefix(l.Op, "pm") && strings.HasPrefix(l.Dir, "@")) {
		is, err := make()
		return is, err == nil
	}
	made := sync.OnceValue(func() func(string) bool {
		is, err := make()
		if err != nil { // Coraza made the same of the same text
			return func(string) bool { return !l.Not } // nothing is known of it, so the condition may hold
		}
		return is
	})
	return func(value string) bool { return made()(value) }, true
}

// expression is an argument of @rx as Coraza compiles it.
func expression(arg string) string { return "(?sm)" + arg }

// binary tells whether Coraza's @rx may take the argument for an expression about bytes, because it names one above 127. It may say yes of one that Coraza takes
// for text: then Coraza's own operator is asked.
func binary(arg string) bool {
	for i := 0; i+2 < len(arg); i++ {
		if arg[i] != '\\' {
			continue
		}
		if i++; arg[i] != 'x' {
			continue
		}
		digits := arg[i+1:]
		if digits[0] == '{' {
			digits, _, _ = strings.Cut(digits[1:], "}")
		} else {
			digits = digits[:min(2, len(digits))]
		}
		if n, err := strconv.ParseUint(digits, 16, 32); err != nil || n > 127 {
			return true
		}
	}
	return false
}

func isHex(b byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", b) >= 0 }

func newSetvars(actions []seclang.Action) (out []setvar, ok bool) {
	for _, a := range actions {
		if a.Name != "setvar" {
			continue
		}
		name, value, _ := strings.Cut(a.Value, "=")
		collection, name, _ := strings.Cut(name, ".")
		if !strings.EqualFold(collection, "tx") || value == "" { // Coraza panics where there is no value, also for a removal
			return nil, false
		}
		key, ok := newMacro(name)
		if !ok {
			return nil, false
		}
		v, ok := newMacro(value)
		if !ok {
			return nil, false
		}
		out = append(out, setvar{key: key, value: v})
	}
	return out, true
}

// holds tells whether the condition holds, and does what its setvars say.
func (c *condition) holds(x *exchange) bool {
	if c.targets == nil {
		return c.effect(x)
	}
	held := false
	for i := range c.targets {
		x.each(&c.targets[i], func(_, value string) bool {
			if c.asks(x, value) {
				held = true
			}
			return !held || c.writes() // each value that matches sets variables
		})
		if held && !c.writes() {
			break
		}
	}
	return held
}

// writes tells whether the condition sets variables when it holds.
func (c *condition) writes() bool { return len(c.sets) > 0 || c.captures != nil }

func (c *condition) asks(x *exchange, value string) (held bool) {
	if c.multi && c.try(x, value) {
		held = true
	}
	for _, f := range c.transforms {
		out, _, err := f(value)
		if err != nil {
			continue
		}
		if value = out; c.multi && c.try(x, value) {
			held = true
		}
	}
	return !c.multi && c.try(x, value) || held
}

func (c *condition) try(x *exchange, value string) bool {
	return c.ask(x, value) != c.not && c.captured(x, value) && c.effect(x)
}

func (c *condition) captured(x *exchange, value string) bool {
	if c.captures == nil {
		return true
	}
	for i, text := range c.captures.FindStringSubmatch(value) {
		if i > 8 {
			break
		}
		x.set(strconv.Itoa(i), text)
	}
	return true
}

// effect runs the assignments.
func (c *condition) effect(x *exchange) bool {
	for _, s := range c.sets {
		s.run(x)
	}
	return true
}

func (s setvar) run(x *exchange) {
	key, value := strings.ToLower(s.key.expand(x)), s.value.expand(x)
	if value == "" || value[0] != '+' && value[0] != '-' {
		x.set(key, value)
		return
	}
	by := 0
	if len(value) > 1 {
		n, err := strconv.Atoi(value[1:])
		if err != nil {
			if !strings.HasPrefix(value[1:], "tx.") {
				x.set(key, value)
			}
			return
		}
		by = n
	}
	now := 0
	if v, _ := x.get(key); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return
		}
		now = n
	}
	if value[0] == '-' {
		by = -by
	}
	x.set(key, strconv.Itoa(now+by))
}

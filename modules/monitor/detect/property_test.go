package detect

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// What is compiled, indexed and gated finds exactly what an interpreter finds that reads a rule as the specification has it, for random rules and events.
func TestEqualToInterpreter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var files []string
		var models []model
		for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
			m := drawModel(t)
			models = append(models, m)
			files = append(files, m.yaml(t, strconv.Itoa(i)))
		}
		r, problems := Load(folder(files...))
		for _, p := range problems {
			if !p.Warning {
				t.Fatalf("%v in\n%s", p, strings.Join(files, "---\n"))
			}
		}
		for range 8 {
			event := drawEvent(t)
			line, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{}
			for i, m := range models {
				if m.condition.holds(m.searches, event) {
					want = append(want, strconv.Itoa(i))
				}
			}
			if got := hits(t, r, string(line)); !slices.Equal(got, want) {
				t.Fatalf("%s\nis found by %v, and should be by %v\n%s", line, got, want, strings.Join(files, "---\n"))
			}
		}
	})
}

var (
	someFields = []string{"user.id", "url.path", "source.ip", "event.duration", "gateway.zone"}
	letters    = []rune("aAbBéÉ1./*?\\-")
	mods       = []string{"", "", "", "|contains", "|startswith", "|endswith", "|contains|cased", "|cased", "|all", "|contains|all", "|neq", "|re", "|re|i", "|cidr", "|gt", "|lte", "|exists", "|fieldref", "null"}
)

// model is a rule as the interpreter reads it.
type model struct {
	searches  map[string][][]condItem // or of and
	condition *cond
}

// condItem is one field with its values.
type condItem struct {
	field, mod string
	values     []any
}

// cond is a condition: a name, or not, and, or.
type cond struct {
	op   string
	name string
	kids []*cond
}

func word(t *rapid.T, most int) string {
	return string(rapid.SliceOfN(rapid.SampledFrom(letters), 0, most).Draw(t, "word"))
}

func drawModel(t *rapid.T) model {
	m := model{searches: map[string][][]condItem{}}
	var names []string
	for i := range rapid.IntRange(1, 3).Draw(t, "searches") {
		name := fmt.Sprintf("s%d", i)
		names = append(names, name)
		for range rapid.IntRange(1, 2).Draw(t, "maps") {
			m.searches[name] = append(m.searches[name], drawMap(t))
		}
	}
	m.condition = drawCondition(t, names, 3)
	return m
}

func drawMap(t *rapid.T) (all []condItem) {
	for range rapid.IntRange(1, 2).Draw(t, "items") {
		it := condItem{field: rapid.SampledFrom(append([]string{""}, someFields...)).Draw(t, "field"), mod: rapid.SampledFrom(mods).Draw(t, "mod")}
		if it.field == "" && slices.Contains([]string{"|cidr", "|gt", "|lte", "|exists", "|fieldref", "null"}, it.mod) {
			it.mod = ""
		}
		if slices.ContainsFunc(all, func(o condItem) bool { return o.key() == it.key() }) {
			continue
		}
		for range rapid.IntRange(1, 3).Draw(t, "values") {
			it.values = append(it.values, drawValue(t, it.mod))
		}
		if it.mod == "|exists" {
			it.values = it.values[:1]
		}
		all = append(all, it)
	}
	return all
}

func (it condItem) key() string {
	if it.mod == "null" {
		return it.field
	}
	return it.field + it.mod
}

func drawValue(t *rapid.T, mod string) any {
	switch mod {
	case "null":
		return nil
	case "|exists":
		return rapid.Bool().Draw(t, "exists")
	case "|fieldref":
		return rapid.SampledFrom(someFields).Draw(t, "other")
	case "|gt", "|lte":
		return rapid.IntRange(-2, 12).Draw(t, "number")
	case "|cidr":
		return rapid.SampledFrom([]string{"192.0.2.0/24", "192.0.2.8/29", "2001:db8::/32", "0.0.0.0/0"}).Draw(t, "net")
	case "|re", "|re|i":
		return rapid.SampledFrom([]string{"a+", "^A", "b.?a$", "[0-9]", "(a|b)B", "é"}).Draw(t, "expr")
	}
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		return rapid.IntRange(0, 11).Draw(t, "number")
	}
	return word(t, 4)
}

func drawCondition(t *rapid.T, names []string, depth int) *cond {
	op := rapid.SampledFrom([]string{"name", "name", "not", "and", "or"}).Draw(t, "op")
	if depth == 0 {
		op = "name"
	}
	c := &cond{op: op}
	switch op {
	case "name":
		c.name = rapid.SampledFrom(append([]string{"1 of s*", "all of them", "any of s0"}, names...)).Draw(t, "name")
	case "not":
		c.kids = []*cond{drawCondition(t, names, depth-1)}
	default:
		c.kids = []*cond{drawCondition(t, names, depth-1), drawCondition(t, names, depth-1)}
	}
	return c
}

func (c *cond) String() string {
	switch c.op {
	case "name":
		return c.name
	case "not":
		return "not (" + c.kids[0].String() + ")"
	}
	return "(" + c.kids[0].String() + " " + c.op + " " + c.kids[1].String() + ")"
}

func (m model) yaml(t *rapid.T, id string) string {
	detection := map[string]any{"condition": m.condition.String()}
	for name, maps := range m.searches {
		var list []any
		for _, items := range maps {
			out := map[string]any{}
			for _, it := range items {
				out[it.key()] = it.values
				if len(it.values) == 1 && rapid.Bool().Draw(t, "scalar") {
					out[it.key()] = it.values[0]
				}
			}
			list = append(list, out)
		}
		detection[name] = list
		if len(list) == 1 {
			detection[name] = list[0]
		}
	}
	raw, err := yaml.Marshal(map[string]any{"title": "t", "id": id, "logsource": map[string]any{"product": "convosphere"}, "detection": detection})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func drawEvent(t *rapid.T) map[string]any {
	event := map[string]any{}
	for _, f := range someFields {
		switch rapid.IntRange(0, 6).Draw(t, "how") {
		case 0:
		case 1:
			event[f] = nil
		case 2:
			event[f] = []any{drawScalar(t), drawScalar(t)}
		default:
			event[f] = drawScalar(t)
		}
	}
	return event
}

func drawScalar(t *rapid.T) any {
	switch rapid.IntRange(0, 5).Draw(t, "scalar") {
	case 0:
		return rapid.IntRange(-1, 12).Draw(t, "int")
	case 1:
		return json.Number(rapid.SampledFrom([]string{"1.0", "1e1", "0.5", "-0", "1.10"}).Draw(t, "float"))
	case 2:
		return rapid.SampledFrom([]string{"192.0.2.9", "192.0.2.1", "198.51.100.1", "2001:db8::7", "::ffff:192.0.2.10"}).Draw(t, "ip")
	case 3:
		return rapid.Bool().Draw(t, "bool")
	}
	return word(t, 6)
}

// The interpreter.

func (c *cond) holds(searches map[string][][]condItem, event map[string]any) bool {
	switch c.op {
	case "not":
		return !c.kids[0].holds(searches, event)
	case "and":
		return c.kids[0].holds(searches, event) && c.kids[1].holds(searches, event)
	case "or":
		return c.kids[0].holds(searches, event) || c.kids[1].holds(searches, event)
	}
	switch c.name {
	case "1 of s*", "all of them":
		every, one := true, false
		for _, s := range searches {
			h := holdsSearch(s, event)
			every, one = every && h, one || h
		}
		if c.name == "1 of s*" {
			return one
		}
		return every
	case "any of s0":
		return holdsSearch(searches["s0"], event)
	}
	return holdsSearch(searches[c.name], event)
}

func holdsSearch(maps [][]condItem, event map[string]any) bool {
	return slices.ContainsFunc(maps, func(items []condItem) bool {
		return !slices.ContainsFunc(items, func(it condItem) bool { return !it.holds(event) })
	})
}

// plainValue is a value of an event.
type plainValue struct {
	text   string // as numbers are compared
	raw    string // as written
	number bool
	null   bool
}

func valuesOf(event map[string]any, field string) (out []plainValue) {
	if field == "" {
		for _, f := range someFields {
			out = append(out, valuesOf(event, f)...)
		}
		return out
	}
	v, ok := event[field]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, v := range list {
		switch v := v.(type) {
		case nil:
			out = append(out, plainValue{null: true})
		case string:
			out = append(out, plainValue{text: v, raw: v})
		case json.Number:
			f, _ := strconv.ParseFloat(string(v), 64)
			p := plainValue{text: string(v), raw: string(v), number: true}
			if strings.ContainsAny(string(v), ".eE") {
				p.text = strconv.FormatFloat(f, 'f', -1, 64)
				p.raw = p.text
			}
			out = append(out, p)
		default:
			_, isInt := v.(int)
			out = append(out, plainValue{text: fmt.Sprint(v), raw: fmt.Sprint(v), number: isInt})
		}
	}
	return out
}

func (it condItem) holds(event map[string]any) bool {
	one := func(v any) bool { return it.one(event, v) }
	switch {
	case strings.Contains(it.mod, "|all"):
		return !slices.ContainsFunc(it.values, func(v any) bool { return !one(v) })
	case it.mod == "|neq":
		return !slices.ContainsFunc(it.values, one)
	}
	return slices.ContainsFunc(it.values, one)
}

func (it condItem) one(event map[string]any, want any) bool {
	values := valuesOf(event, it.field)
	some := slices.DeleteFunc(slices.Clone(values), func(v plainValue) bool { return v.null })
	empty := !slices.ContainsFunc(some, func(v plainValue) bool { return v.text != "" })
	if it.mod == "|exists" {
		return want.(bool) == (len(values) > 0)
	}
	whole := it.mod == "" || it.mod == "|cased" || it.mod == "|all" || it.mod == "|neq" || it.mod == "null"
	if want == nil || want == "" && whole && it.field != "" {
		return empty
	}
	return slices.ContainsFunc(some, func(v plainValue) bool { return it.fits(event, v, want) })
}

func (it condItem) fits(event map[string]any, v plainValue, want any) bool {
	text := fmt.Sprint(want)
	switch it.mod {
	case "|gt", "|lte":
		f, err := strconv.ParseFloat(v.raw, 64)
		n := float64(want.(int))
		return err == nil && (it.mod == "|gt" && f > n || it.mod == "|lte" && f <= n)
	case "|cidr":
		ip, err := netip.ParseAddr(v.raw)
		return err == nil && netip.MustParsePrefix(text).Contains(ip.Unmap())
	case "|re":
		return regexp.MustCompile(text).MatchString(v.raw)
	case "|re|i":
		return regexp.MustCompile("(?i)" + text).MatchString(v.raw)
	case "|fieldref":
		return slices.ContainsFunc(valuesOf(event, text), func(o plainValue) bool { return !o.null && strings.EqualFold(o.text, v.text) })
	}
	expr := "(?s)^"
	if !strings.Contains(it.mod, "cased") {
		expr = "(?si)^"
	}
	before, after := strings.Contains(it.mod, "contains") || it.mod == "|endswith" || it.field == "", strings.Contains(it.mod, "contains") || it.mod == "|startswith" || it.field == ""
	if before {
		expr += ".*"
	}
	expr += translated(text, want)
	if after {
		expr += ".*"
	}
	subject := v.text
	if strings.Contains(it.mod, "cased") {
		subject = v.raw
	}
	return regexp.MustCompile(expr + "$").MatchString(subject)
}

// translated makes a regular expression of a text with wildcards.
func translated(s string, want any) string {
	if _, ok := want.(int); ok {
		return regexp.QuoteMeta(s)
	}
	out := ""
	for r := []rune(s); len(r) > 0; r = r[1:] {
		switch {
		case r[0] == '\\' && len(r) > 1 && strings.ContainsRune(`*?\`, r[1]):
			out += regexp.QuoteMeta(string(r[1]))
			r = r[1:]
		case r[0] == '*':
			out += ".*"
		case r[0] == '?':
			out += "."
		default:
			out += regexp.QuoteMeta(string(r[0]))
		}
	}
	return out
}

package schema

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Of a schema that speaks of all members, this package says what the library says whose reading of schemas it uses.
func TestSameAsTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(entry(t, 3))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		set, err := NewSet(doc)
		if err != nil {
			t.Fatal(string(raw), err)
		}
		s, err := set.Compile("", Sent)
		if err != nil {
			t.Fatal(string(raw), err)
		}
		library := jsonschema.NewCompiler()
		if err := library.AddResource("urn:x", doc); err != nil {
			t.Fatal(err)
		}
		want, err := library.Compile("urn:x")
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			value := value(t, 3)
			same(t, s, want, string(raw), value)
		}
	})
}

type fataler interface{ Fatalf(string, ...any) }

func same(t fataler, s *Schema, want *jsonschema.Schema, schema, value string) {
	v, err := strictjson.Parse([]byte(value))
	if err != nil {
		return // as when it is checked: nothing is asked of what is not JSON to everybody
	}
	other, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	faults, err := s.Check(v, 8), want.Validate(other)
	if (len(faults) == 0) != (err == nil) {
		t.Fatalf("schema %s\nvalue %s\nhere %+v\nthere %v", schema, value, faults, err)
	}
}

var names = []string{"a", "b", "c", "d"}

// entry is a schema for a value of its own, which says what becomes of members that no part of it names.
func entry(t *rapid.T, depth int) any {
	if rapid.IntRange(0, 9).Draw(t, "boolean") == 0 {
		return rapid.Bool().Draw(t, "all")
	}
	return map[string]any{"allOf": []any{part(t, depth)}, "unevaluatedProperties": rapid.Bool().Draw(t, "others")}
}

// part is a schema of some keywords.
func part(t *rapid.T, depth int) map[string]any {
	s := map[string]any{}
	for range rapid.IntRange(1, 3).Draw(t, "keywords") {
		keyword(t, s, depth)
	}
	return s
}

func keyword(t *rapid.T, s map[string]any, depth int) {
	words := []string{"type", "enum", "const", "min", "length", "required", "properties", "additional", "members", "multiple"}
	if depth > 0 {
		words = append(words, "properties", "properties", "additional", "pattern", "items", "prefix", "contains", "unique", "all", "any", "one", "not", "if", "needs", "dependent", "names", "unevaluated", "left")
	}
	parts := func() (l []any) {
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			l = append(l, part(t, depth-1))
		}
		return l
	}
	name := rapid.SampledFrom(names)
	switch word := rapid.SampledFrom(words).Draw(t, "keyword"); word {
	case "type":
		s["type"] = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"null", "boolean", "number", "integer", "string", "array", "object"}), 1, 3, rapid.ID[string]).Draw(t, "types")
	case "enum":
		s["enum"] = []any{1, "a", nil, []any{1}, map[string]any{"a": 1.0}}
	case "const":
		s["const"] = rapid.SampledFrom([]any{0, "b", true, []any{}, map[string]any{}}).Draw(t, "const")
	case "min":
		s["minimum"], s["exclusiveMaximum"] = rapid.IntRange(-2, 2).Draw(t, "minimum"), rapid.Float64Range(0, 3).Draw(t, "maximum")
	case "multiple":
		s["multipleOf"] = rapid.SampledFrom([]float64{1, 0.5, 3}).Draw(t, "multiple")
	case "length":
		s["minLength"], s["maxLength"], s["pattern"] = 1, rapid.IntRange(0, 3).Draw(t, "length"), rapid.SampledFrom([]string{"a", "^b", "."}).Draw(t, "pattern")
	case "required":
		s["required"] = rapid.SliceOfNDistinct(name, 0, 2, rapid.ID[string]).Draw(t, "required")
	case "members":
		s["minProperties"], s["maxProperties"] = rapid.IntRange(0, 1).Draw(t, "least"), rapid.IntRange(1, 3).Draw(t, "most")
	case "properties":
		m := map[string]any{}
		for range rapid.IntRange(1, 3).Draw(t, "properties") {
			m[name.Draw(t, "name")] = entry(t, max(depth-1, 0))
		}
		s["properties"] = m
	case "additional":
		s["additionalProperties"] = entry(t, max(depth-1, 0))
	case "pattern":
		s["patternProperties"] = map[string]any{"[ab]": entry(t, depth-1)}
	case "items":
		s["items"], s["maxItems"] = entry(t, depth-1), rapid.IntRange(0, 3).Draw(t, "items")
	case "prefix":
		s["prefixItems"] = []any{entry(t, depth-1), entry(t, depth-1)}
	case "contains":
		s["contains"], s["minContains"], s["maxContains"] = entry(t, depth-1), rapid.IntRange(0, 2).Draw(t, "least"), rapid.IntRange(0, 2).Draw(t, "most")
	case "unique":
		s["uniqueItems"] = true
	case "all":
		s["allOf"] = parts()
	case "any":
		s["anyOf"] = parts()
	case "one":
		s["oneOf"] = parts()
	case "not":
		s["not"] = part(t, depth-1)
	case "if":
		s["if"], s["then"], s["else"] = part(t, depth-1), part(t, depth-1), part(t, depth-1)
	case "needs":
		s["dependentRequired"] = map[string]any{"a": []string{"b"}}
	case "dependent":
		s["dependentSchemas"] = map[string]any{"a": part(t, depth-1)}
	case "names":
		s["propertyNames"] = part(t, 0)
	case "unevaluated":
		s["unevaluatedProperties"] = entry(t, depth-1)
	case "left":
		s["unevaluatedItems"] = entry(t, depth-1)
	}
}

// value is JSON that schemas of these names may fit.
func value(t *rapid.T, depth int) string {
	scalars := []string{"null", "true", "false", "0", "1", "1.0", "-1", "1.5", "2", "3e0", `""`, `"a"`, `"b"`, `"abc"`, `"äöü"`, "[]", "{}"}
	most := 3
	if depth == 0 {
		most = 0
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 1:
		var items []string
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			items = append(items, value(t, depth-1))
		}
		return "[" + strings.Join(items, ",") + "]"
	case 2, 3:
		var members []string
		for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(t, "members") {
			members = append(members, `"`+n+`":`+value(t, depth-1))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	return rapid.SampledFrom(scalars).Draw(t, "scalar")
}

// On whatever comes, too. The schema speaks of all members, as in the test above.
func FuzzCheck(f *testing.F) {
	const text = `{
		"$defs": {"tree": {"type": "object", "properties": {"a": {"$ref": "#/$defs/tree"}, "n": {"type": "integer", "multipleOf": 3}}, "additionalProperties": false}},
		"type": ["object", "array", "string", "number"], "required": [], "minLength": 1, "maxLength": 4, "pattern": "^[^x]*$", "exclusiveMaximum": 1e3,
		"properties": {
			"tree": {"$ref": "#/$defs/tree"}, "s": {"enum": ["a", 1, null, {"b": [1.0]}]}, "u": {"type": "array", "uniqueItems": true, "contains": {"const": 1}},
			"one": {"oneOf": [{"minimum": 5}, {"multipleOf": 2}, {"type": "string"}]}
		},
		"patternProperties": {"^p": {"type": "boolean"}}, "additionalProperties": {"not": {"type": "object"}},
		"prefixItems": [{"type": "string"}], "items": {"if": {"type": "number"}, "then": {"minimum": 0}, "else": {"type": ["null", "string"]}}
	}`
	doc := document(f, text)
	s := compiled(f, text, Sent)
	library := jsonschema.NewCompiler()
	if err := library.AddResource("urn:x", doc); err != nil {
		f.Fatal(err)
	}
	want, err := library.Compile("urn:x")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range []string{
		`{"tree":{"a":{"n":3}},"s":{"b":[1]},"u":[1,2],"p1":true}`, `{"one":6,"x":{}}`, `["a",1,null,-1]`, `"ab"`, `1e2`, `{"u":[1,1.0]}`, `{"tree":{"n":-0.0}}`, `{"s":1.00}`,
	} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		// Names that differ only in case are refused here alone.
		if v, err := strictjson.Parse([]byte(value)); err != nil || folds(v) {
			return
		}
		same(t, s, want, text, value)
	})
}

// folds tells whether a name in it differs from one of the schema's only in case, or a number is one that is refused before.
func folds(v *strictjson.Value) bool {
	if v.Kind == strictjson.Number {
		return !strictjson.PlainNumber(v.Text)
	}
	for i := range v.Items {
		if folds(&v.Items[i]) {
			return true
		}
	}
	for i := range v.Members {
		m := &v.Members[i]
		for _, name := range []string{"tree", "s", "u", "one", "a", "n"} {
			if m.Name != name && strings.EqualFold(m.Name, name) {
				return true
			}
		}
		if folds(&m.Value) {
			return true
		}
	}
	return false
}

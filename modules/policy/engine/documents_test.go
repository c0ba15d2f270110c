package engine

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"
)

func documents(t testing.TB, docs map[string]any, order ...string) []Document {
	t.Helper()
	var list []Document
	for _, name := range order {
		list = append(list, documentAt(t, []string{"x", name}, docs[name]))
	}
	return list
}

func documentAt(t interface {
	Fatal(...any)
	Helper()
}, path []string, plain any) Document {
	t.Helper()
	text, err := Encode(plain, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ReadDatum(text)
	if err != nil {
		t.Fatal(err)
	}
	return Document{path, d, string(text)}
}

// What lies over a policy's data is what it decides by, and what it lies over is left as it was.
func TestWithDocuments(t *testing.T) {
	ctx := context.Background()
	src := &Source{
		Modules: map[string]string{"a.rego": "package gateway\n\ndefault decision := {\"allow\": false}\n\ndecision := {\"allow\": true} if data.x.on == true\n"},
		Data:    map[string]any{"x": map[string]any{"on": false, "why": "own"}, "text": "t"},
	}
	base, err := Compile(ctx, src)
	if err != nil {
		t.Fatal(err)
	}
	allows := func(s *Snapshot) bool {
		d, err := s.Evaluate(ctx, (&Input{}).Value(), Options{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return d.Allow
	}
	over, err := base.WithDocuments(ctx, documents(t, map[string]any{"on": true}, "on"))
	if err != nil || !allows(over) || allows(base) || over.Revision == base.Revision {
		t.Error("it does not decide, or changed what was there", err)
	}
	if !holds(over.data.(baseData).root, []string{"x", "why"}) {
		t.Error("what is beside it is gone")
	}
	if same, err := base.WithDocuments(ctx, nil); err != nil || same.Revision != base.Revision {
		t.Error(err)
	}
	// The same data is the same revision, other data or another place is not.
	revisions := map[string]bool{base.Revision: true, over.Revision: true}
	for _, d := range [][]Document{
		documents(t, map[string]any{"on": false}, "on"), documents(t, map[string]any{"on": "true"}, "on"), documents(t, map[string]any{"no": true}, "no"),
		documents(t, map[string]any{"on": true, "a": nil}, "a", "on"),
	} {
		s, err := base.WithDocuments(ctx, d)
		if err != nil || revisions[s.Revision] {
			t.Error("a revision comes twice", err)
			continue
		}
		revisions[s.Revision] = true
	}
	if again, err := base.WithDocuments(ctx, documents(t, map[string]any{"on": true}, "on")); err != nil || again.Revision != over.Revision {
		t.Error("the same data has two revisions", err)
	}
	for _, path := range [][]string{{"gateway", "decision"}, {"gateway"}, {"text", "below"}, {"x", "why", "below"}} {
		d := documentAt(t, path, map[string]any{"decision": map[string]any{"allow": true}})
		if _, err := base.WithDocuments(ctx, []Document{d}); err == nil {
			t.Errorf("%q is taken", path)
		}
	}
}

// What is taken away is gone there, and nowhere else; what is large is written as what is small.
func TestDatum(t *testing.T) {
	text := `{"a":{"b":{"c":[1,2.50,"x"]},"d":null},"long":["` + strings.Repeat("y", 3*chunk) + `",{"e":false}]}`
	d, err := ReadDatum([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	write := func(d Datum) string {
		var b strings.Builder
		if err := d.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if write(d) != text {
		t.Error(write(d))
	}
	for path, want := range map[string]string{"a b c": `{"b":{},"d":null}`, "a b": `{"d":null}`, "a d": `{"b":{"c":[1,2.50,"x"]}}`, "a x": "", "a d x": "", "a b c 0": "", "long 1 e": ""} {
		less, ok := d.Without(strings.Fields(path))
		if ok != (want != "") {
			t.Errorf("%s: %v", path, ok)
		}
		if at, _ := less.At([]string{"a"}); ok && write(at) != want {
			t.Errorf("%s: %s", path, write(at))
		}
	}
	if write(d) != text {
		t.Error("it has changed")
	}
	if _, err := d.With([]string{"long", "x"}, EmptyObject()); err == nil {
		t.Error("a list has a member")
	}
}

// Sharing changes nothing: the data is the same as when all of it is put together first.
func TestPlaceIsWhatSettingIs(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	leaf := rapid.Map(rapid.IntRange(0, 5), func(i int) any { // each its own: set writes into them
		return []any{nil, true, "s", json.Number("1.50"), []any{json.Number("2")}, map[string]any{}}[i]
	})
	rapid.Check(t, func(t *rapid.T) {
		plain, object := map[string]any{}, ast.NewObject()
		for range rapid.IntRange(1, 8).Draw(t, "sets") {
			path := rapid.SliceOfN(name, 1, 4).Draw(t, "path")
			value := leaf.Draw(t, "value")
			d := documentAt(t, path, value)
			before := object.String()
			next, err := place(object, path, d.Value.term)
			if ok := set(plain, path, value); ok != (err == nil) {
				t.Fatalf("%q: %v, %v", path, ok, err)
			}
			if object.String() != before {
				t.Fatal("what was there has changed")
			}
			if err == nil {
				object = next
			}
			want, err := ast.InterfaceToValue(plain)
			if err != nil {
				t.Fatal(err)
			}
			if want.Compare(object) != 0 || want.Hash() != object.Hash() {
				t.Fatalf("%v is not %v", object, want)
			}
		}
	})
}

// set does in a plain document what place does in a shared one.
func set(doc map[string]any, path []string, value any) bool {
	if len(path) == 1 {
		doc[path[0]] = value
		return true
	}
	below, taken := doc[path[0]]
	inner, ok := below.(map[string]any)
	if taken && !ok {
		return false
	}
	if !taken {
		inner = map[string]any{}
		if set(inner, path[1:], value) {
			doc[path[0]] = inner
			return true
		}
		return false
	}
	return set(inner, path[1:], value)
}

package engine

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"pgregory.net/rapid"
)

// Our cache of rules' values says what OPA's says.
func TestRuleCacheIsAsOPAs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := newRuleCache(), topdown.NewVirtualCache()
		defer ours.release()
		depth := 0
		word := rapid.SampledFrom([]ast.Value{ast.String("a"), ast.String("b"), ast.Number("1"), ast.Number("1.0"), ast.Boolean(true), ast.Null{}, ast.NewArray(ast.StringTerm("a"))})
		numbers := rapid.IntRange(0, 40) // more than are looked through one by one
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			ref := ast.Ref{ast.DefaultRootDocument}
			if rapid.Bool().Draw(t, "numbered") {
				ref = append(ref, ast.StringTerm(strconv.Itoa(numbers.Draw(t, "number"))))
			}
			for range rapid.IntRange(0, 2).Draw(t, "length") {
				ref = append(ref, ast.NewTerm(word.Draw(t, "word")))
			}
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				ours.Push()
				theirs.Push()
				depth++
			case 1:
				if depth > 0 {
					ours.Pop()
					theirs.Pop()
					depth--
				}
			case 2, 3, 4, 5:
				value, undefined := ours.Get(ref)
				if value != nil || undefined {
					continue // what is known is not evaluated, so it is not put again
				}
				var v *ast.Term
				if rapid.Bool().Draw(t, "defined") {
					v = ast.NewTerm(word.Draw(t, "value"))
				}
				ours.Put(ref, v)
				theirs.Put(ref, v)
			default:
				a, undefinedA := ours.Get(ref)
				b, undefinedB := theirs.Get(ref)
				if a != b || undefinedA != undefinedB {
					t.Fatalf("%v: %v %v, not %v %v", ref, a, undefinedA, b, undefinedB)
				}
			}
			if a, b := ours.Keys(), theirs.Keys(); len(a) != len(b) {
				t.Fatalf("%v, not %v", a, b)
			}
		}
	})
}

// A cache that is used again knows nothing of the evaluation before, and keeps no more than it may.
func TestRuleCacheForgets(t *testing.T) {
	for _, n := range []int{1, scanned, scanned + 1, maxKeptEntries + 1} {
		c := newRuleCache()
		for i := range n {
			c.Put(ast.Ref{ast.DefaultRootDocument, ast.StringTerm(strconv.Itoa(i))}, ast.BooleanTerm(true))
		}
		c.release()
		c.Push()
		if v, undefined := c.Get(ast.Ref{ast.DefaultRootDocument, ast.StringTerm("0")}); v != nil || undefined || len(c.Keys()) != 0 {
			t.Errorf("%d: it remembers %v", n, v)
		}
		if kept := cap(c.frames[0].entries); kept > 2*maxKeptEntries {
			t.Errorf("%d: it keeps room for %d", n, kept)
		}
	}
}

// Data is what the store says it is, however it is asked for.
func TestDataIsReadAsFromTheStore(t *testing.T) {
	data := map[string]any{
		"a":      map[string]any{"b": map[string]any{"c": 1}, "1": "one", "null": nil, "list": []any{"x", map[string]any{"y": true}}, "empty": map[string]any{}},
		"system": map[string]any{"secret": 1}, "false": false,
	}
	for _, ref := range []string{
		`data.a.b.c`, `data.a.b.d`, `data.a[1]`, `data.a["1"]`, `data.a.list[0]`, `data.a.list[1].y`, `data.a.list["0"]`, `data.a.list[2]`, `data.a.list[-1]`, `data.a.list.x`,
		`data.a.null`, `data.a.empty`, `data["false"]`, `data.a.b.c.d`, `data.nothing`, `data.nothing.b`, `data.a`, `data.a[_].c`, `data.a.list[_]`, `data.a.b["c"]`, `data.system.secret`,
	} {
		s := compile(t, fmt.Sprintf(`decision := {"allow": true, "reason": json.marshal(object.remove({"x": [x | x := %s]}, []))}`, ref), data)
		ours, err1 := s.Evaluate(context.Background(), ast.NewObject(), Options{})
		s.data = nothing{}
		theirs, err2 := s.Evaluate(context.Background(), ast.NewObject(), Options{})
		if err1 != nil || err2 != nil || ours.Reason != theirs.Reason {
			t.Errorf("%s: %s %v, not %s %v", ref, ours.Reason, err1, theirs.Reason, err2)
		}
	}
}

// nothing is a cache that is always empty.
type nothing struct{}

func (nothing) Get(ast.Ref) ast.Value  { return nil }
func (nothing) Put(ast.Ref, ast.Value) {}

package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"
)

// anyData draws documents that differ in little.
func anyData(t *rapid.T, depth int) any {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "1", "true", "null", strings.Repeat("long", 20)})
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Bool().Draw(t, "bool")
	case kind <= 3:
		return word.Draw(t, "string")
	case kind == 4:
		return json.Number(rapid.SampledFrom([]string{"0", "1", "-1", "01e1", "1.0", "12345", "1e400"}).Draw(t, "number"))
	case kind <= 6 && depth > 0:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, anyData(t, depth-1))
		}
		return list
	}
	return anyObject(t, depth-1)
}

func anyObject(t *rapid.T, depth int) map[string]any {
	o := map[string]any{}
	if depth < 0 {
		return o
	}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		o[rapid.SampledFrom([]string{"", "a", "b", "ab"}).Draw(t, "name")] = anyData(t, depth)
	}
	return o
}

// Data are what they are, and have one digest for each document.
func TestReadData(t *testing.T) {
	read := func(t *rapid.T, data map[string]any) (ast.Value, string) {
		d, only := newDigest(nil), newDigest(nil)
		o, err := readData(d, data)
		if err != nil {
			t.Fatal(err)
		}
		if err := digestData(only, data); err != nil || only.String() != d.String() {
			t.Fatalf("%v: %s and %s %v", data, d, only, err)
		}
		return o, d.String()
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyObject(t, 3), anyObject(t, 3)
		valueA, digestA := read(t, a)
		valueB, digestB := read(t, b)
		want, err := ast.InterfaceToValue(a)
		if err != nil || valueA.Compare(want) != 0 || valueA.String() != want.String() {
			t.Fatalf("%v, not %v %v", valueA, want, err)
		}
		// 1 and 1.0 are one number and two texts: that the second is another revision does no harm.
		if valueA.String() == valueB.String() != (digestA == digestB) {
			t.Fatalf("%v %s\n%v %s", valueA, digestA, valueB, digestB)
		}
	})
}

func TestReadDataOfGo(t *testing.T) {
	type record struct {
		N int `json:"n"`
	}
	o, err := readData(newDigest(nil), map[string]any{"list": []string{"a"}, "n": 1, "f": 1.5, "r": record{2}})
	if err != nil || o.String() != `{"f": 1.5, "list": ["a"], "n": 1, "r": {"n": 2}}` {
		t.Errorf("%v %v", o, err)
	}
	if _, err := readData(newDigest(nil), map[string]any{"c": make(chan int)}); err == nil {
		t.Error("a channel is data")
	}
}

// Names of records and values that come again are one term; keys are not held on to.
func TestReadDataSharesTerms(t *testing.T) {
	people, many := map[string]any{}, map[string]any{}
	for _, n := range []string{"a", "b", "c"} {
		people[n] = map[string]any{"department": "sales"}
	}
	for i := range 3 * maxShared {
		many[strconv.Itoa(i)] = true
	}
	r := newSharing()
	seen := map[*ast.Term]bool{}
	for _, name := range slices.Sorted(maps.Keys(many)) {
		seen[r.name(name)] = true
	}
	if len(r.names) > maxShared || len(seen) != len(many) {
		t.Errorf("%d names at hand, %d terms of %d", len(r.names), len(seen), len(many))
	}
	o, err := readData(newDigest(nil), people)
	if err != nil {
		t.Fatal(err)
	}
	names, values := map[*ast.Term]bool{}, map[*ast.Term]bool{}
	o.Foreach(func(_, person *ast.Term) {
		person.Value.(ast.Object).Foreach(func(k, v *ast.Term) { names[k], values[v] = true, true })
	})
	if len(names) != 1 || len(values) != 1 {
		t.Errorf("%d names and %d values", len(names), len(values))
	}
}

// While a document is replaced again and again, everybody is decided about, each by the one or the other.
func TestNoDecisionFailsWhileDataArePushed(t *testing.T) {
	ctx := context.Background()
	people := func(active bool) map[string]any {
		users := map[string]any{}
		for i := range 5_000 {
			users["user-"+strconv.Itoa(i)] = map[string]any{"department": "sales", "manager": "user-" + strconv.Itoa(i/2), "active": active}
		}
		return map[string]any{"users": users}
	}
	s := compile(t, `decision := {"allow": true, "reason": json.marshal(data.users[input.target].active)}`, people(true))
	e := New(s, 0, time.Now)
	pushed := make(chan struct{})
	var deciding sync.WaitGroup
	for range 4 {
		deciding.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-pushed:
					return
				default:
				}
				in := &Input{Target: "user-" + strconv.Itoa(i%5_000)}
				if d, err := e.Decide(ctx, in); err != nil || !d.Allow || (d.Reason == "true") != (d.Revision == s.Revision) {
					t.Errorf("%+v %v", d, err)
					return
				}
			}
		})
	}
	for i := range 6 {
		next, err := e.Snapshot().snapshot(ctx, people(i%2 == 1))
		if err != nil {
			t.Fatal(err)
		}
		e.Swap(next)
	}
	close(pushed)
	deciding.Wait()
}

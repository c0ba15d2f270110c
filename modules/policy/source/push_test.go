package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// node is a gateway of a fleet: a rig over a database that it shares.
func node(t *testing.T, config database.Config, folder string) *rig {
	t.Helper()
	ctx := context.Background()
	db, err := database.Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, NewFolder(folder, time.Now))
	if r.o.Pushed, err = NewPushed(ctx, db, feed.Wake, time.Now); err != nil {
		t.Fatal(err)
	}
	r.mustLoad()
	changed := make(chan struct{}, 1)
	unread := feed.Subscribe(Topic, func(string) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	run, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.keeper.Run(run, changed) })
	t.Cleanup(func() {
		unread()
		cancel()
		wg.Wait()
		feed.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// asking is a policy that allows what its data says.
func asking(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	put(t, folder, "a.rego", "package gateway\n\ndefault decision := {\"allow\": false}\n\ndecision := {\"allow\": true} if data.switch.on == true\n")
	put(t, folder, "data.json", `{"switch": {"on": false, "why": "own"}, "list": [1, 2], "text": "x"}`)
	return folder
}

func names(t testing.TB, path string) []string {
	t.Helper()
	p, err := ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sees is what the policy sees at a path, as JSON.
func (r *rig) sees(path string) string {
	r.t.Helper()
	value, err := r.keeper.Data(names(r.t, path))
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	if err := value.WriteJSON(&b); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

func (r *rig) put(path, document string) error {
	_, err := r.keeper.Put(context.Background(), names(r.t, path), []byte(document))
	return err
}

func (r *rig) paths() string {
	var paths []string
	for _, l := range r.keeper.List() {
		paths = append(paths, l.Path)
	}
	return strings.Join(paths, " ")
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}

// What one gateway is told, all of a fleet decide by, and still after a restart.
func TestPushedDataReachesTheFleet(t *testing.T) {
	config, folder := dbtest.New(t), asking(t)
	a, b := node(t, config, folder), node(t, config, folder)
	if a.allows() || b.allows() {
		t.Fatal("allowed at first")
	}
	if err := a.put("switch", `{"on": true}`); err != nil {
		t.Fatal(err)
	}
	if !a.allows() {
		t.Error("not in force where it was pushed")
	}
	eventually(t, "the other decides by it", b.allows)
	if c := node(t, config, folder); !c.allows() || c.revision() != a.revision() {
		t.Error("gone after a restart")
	}
	if got := b.sees("switch"); got != `{"on":true}` {
		t.Error(got)
	}
	if _, err := b.keeper.Remove(context.Background(), names(t, "switch")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone everywhere", func() bool { return !a.allows() && !b.allows() && a.sees("switch/why") == `"own"` })
	// A new policy keeps what was pushed.
	if err := a.put("switch/on", `true`); err != nil {
		t.Fatal(err)
	}
	put(t, folder, "b.rego", "package other\n")
	eventually(t, "both took the new policy", func() bool {
		return a.keeper.State().From != "" && a.revision() == b.revision() && b.allows()
	})
	for _, r := range a.told() {
		if r.Err != nil {
			t.Errorf("%+v", r)
		}
	}
}

// One tree, whatever the documents it was pushed as: none is below another.
func TestPathsNest(t *testing.T) {
	r := node(t, dbtest.New(t), asking(t))
	ctx := context.Background()
	for _, s := range []struct{ path, document, paths, sees string }{
		{"a/b/c", `1`, "a/b/c", `{"b":{"c":1}}`},
		{"a/d", `{"e": 2}`, "a/b/c a/d", `{"b":{"c":1},"d":{"e":2}}`},
		{"a/d/e", `3`, "a/b/c a/d", `{"b":{"c":1},"d":{"e":3}}`},
		{"a/d/f/g", `4`, "a/b/c a/d", `{"b":{"c":1},"d":{"e":3,"f":{"g":4}}}`},
		{"a/b", `{"x": null}`, "a/b a/d", `{"b":{"x":null},"d":{"e":3,"f":{"g":4}}}`},
		{"a", `{"all": 1.50}`, "a", `{"all":1.50}`},
		{"a/s~1l~0sh", `5`, "a", `{"all":1.50,"s/l~sh":5}`},
		{"b/s~1l", `6`, "a b/s~1l", `{"all":1.50,"s/l~sh":5}`},
	} {
		if err := r.put(s.path, s.document); err != nil {
			t.Fatal(s.path, err)
		}
		if r.paths() != s.paths || r.sees("a") != s.sees {
			t.Errorf("%s: %q, %s", s.path, r.paths(), r.sees("a"))
		}
	}
	if _, err := r.keeper.Remove(ctx, names(t, "a/all")); err != nil || r.sees("a") != `{"s/l~sh":5}` {
		t.Error(err, r.sees("a"))
	}
	for _, path := range []string{"a/nothing", "text", "x"} {
		if _, err := r.keeper.Remove(ctx, names(t, path)); !errors.Is(err, ErrNoData) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := r.keeper.Remove(ctx, names(t, "b")); err != nil || r.paths() != "a" {
		t.Error("what is below stays", err, r.paths())
	}
}

// What does not fit is neither stored nor in force.
func TestUnfitPushes(t *testing.T) {
	r := node(t, dbtest.New(t), asking(t))
	ctx := context.Background()
	before := r.revision()
	for path, document := range map[string]string{
		"gateway/decision": `{"allow": true}`, "gateway": `{"decision": {"allow": true}}`, "gateway/decision/allow": `true`, // it would stand in for a rule
		"text/below": `1`, "list/0": `1`, "x": `{`, "y": `1 2`, "twice": `{"on": false, "on": true}`, "z": ``, "": `{}`,
	} {
		if err := r.put(path, document); !errors.Is(err, ErrUnfit) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := r.keeper.Remove(ctx, nil); !errors.Is(err, ErrUnfit) {
		t.Error(err)
	}
	if r.paths() != "" || r.revision() != before || r.allows() {
		t.Error("something is in force", r.paths())
	}
	if err := r.put("big", `"`+strings.Repeat("x", MaxDocument)+`"`); !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "64 MiB") {
		t.Error(err)
	}
}

func TestPatches(t *testing.T) {
	r := node(t, dbtest.New(t), asking(t))
	ctx := context.Background()
	patch := func(path, by string, f func(any, []byte) (any, error)) error {
		_, err := r.keeper.Patch(ctx, names(t, path), []byte(by), f)
		return err
	}
	// The policy's own data is what the first patch changes; the result is pushed.
	if err := patch("switch", `[{"op": "test", "path": "/why", "value": "own"}, {"op": "replace", "path": "/on", "value": true}]`, Patch); err != nil {
		t.Fatal(err)
	}
	if !r.allows() || r.sees("switch") != `{"on":true,"why":"own"}` || r.paths() != "switch" {
		t.Error(r.sees("switch"), r.paths())
	}
	if err := patch("switch", `{"why": null, "on": false}`, Merge); err != nil || r.sees("switch") != `{"on":false}` {
		t.Error(err, r.sees("switch"))
	}
	if err := patch("list", `[{"op": "add", "path": "/-", "value": 3}]`, Patch); err != nil || r.sees("list") != `[1,2,3]` {
		t.Error(err, r.sees("list"))
	}
	if err := patch("switch", `[{"op": "remove", "path": "/on"}, {"op": "test", "path": "/on", "value": 1}]`, Patch); !errors.Is(err, ErrUnfit) || r.sees("switch") != `{"on":false}` {
		t.Error("half a patch holds", err)
	}
	if err := patch("nowhere", `[]`, Patch); !errors.Is(err, ErrNoData) {
		t.Error(err)
	}
}

// Of pushes at the same time none is lost.
func TestPushesAtOnce(t *testing.T) {
	config, folder := dbtest.New(t), asking(t)
	a, b := node(t, config, folder), node(t, config, folder)
	if err := a.put("n", `{}`); err != nil {
		t.Fatal(err)
	}
	const each = 10
	var wg sync.WaitGroup
	for i, r := range []*rig{a, b} {
		wg.Go(func() {
			for j := range each {
				for { // overtaken too often: again, as a person would
					err := r.put(fmt.Sprintf("n/%d-%d", i, j), `1`)
					if err == nil {
						break
					}
					if !errors.Is(err, errOvertaken) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "both see all", func() bool {
		return strings.Count(a.sees("n"), ":1") == 2*each && a.sees("n") == b.sees("n")
	})
}

// A policy that what was pushed does not fit leaves the one that is in force.
func TestANewPolicyThatPushedDataDoesNotFit(t *testing.T) {
	folder := asking(t)
	r := node(t, dbtest.New(t), folder)
	if err := r.put("switch", `{"on": true}`); err != nil {
		t.Fatal(err)
	}
	if err := r.put("fresh/on", `1`); err != nil {
		t.Fatal(err)
	}
	put(t, folder, "c.rego", "package fresh\n\non := false\n")
	eventually(t, "it is refused", func() bool {
		for _, rep := range r.told() {
			if rep.Reason == Unfit {
				return true
			}
		}
		return false
	})
	if !r.allows() {
		t.Error("the last good one is gone")
	}
}

// While the database is away, what was pushed stays in force.
func TestDatabaseAway(t *testing.T) {
	ctx := context.Background()
	db, err := database.Open(ctx, dbtest.NewSQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, NewFolder(asking(t), time.Now))
	if r.o.Pushed, err = NewPushed(ctx, db, func() {}, time.Now); err != nil {
		t.Fatal(err)
	}
	r.mustLoad()
	if err := r.put("switch/on", `true`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r.keeper.Sync(ctx)
	if !r.allows() || r.keeper.State().LastError == "" {
		t.Error("it is gone, or nobody knows")
	}
	if err := r.put("switch/on", `false`); err == nil || errors.Is(err, ErrUnfit) || !r.allows() {
		t.Error(err)
	}
	if _, err := NewPushed(ctx, db, func() {}, time.Now); err == nil {
		t.Error("a gateway begins without knowing what was pushed")
	}
}

// A push of data waits for nothing but its own size: what decides goes on while it is under way.
func TestAPushStallsNoDecision(t *testing.T) {
	r := node(t, dbtest.NewSQLite(t), asking(t))
	inside, release := make(chan struct{}), make(chan struct{})
	r.keeper.o.Check = func(context.Context, *engine.Snapshot) error {
		close(inside)
		<-release
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- r.put("switch/on", `true`) }()
	<-inside
	if r.allows() { // it decides, and by what is in force
		t.Error("in force before it was checked")
	}
	close(release)
	if err := <-done; err != nil || !r.allows() {
		t.Error(err)
	}
}

// While a server keeps a gateway waiting, data is pushed and the state told all the same.
func TestAFetchStallsNoPush(t *testing.T) {
	p, ctx := ecPair(t), context.Background()
	r, b, _ := served(t, p, "")
	b.set(sends(p.signed(t, asking(t), "", time.Now()), ""))
	db, err := database.Open(ctx, dbtest.NewSQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if r.o.Pushed, err = NewPushed(ctx, db, func() {}, time.Now); err != nil {
		t.Fatal(err)
	}
	r.mustLoad()
	hung := make(chan struct{})
	b.set(func(_ http.ResponseWriter, req *http.Request) {
		close(hung)
		<-req.Context().Done()
	})
	looking, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.keeper.Look(looking, false) }()
	<-hung
	if err := r.put("switch/on", `true`); err != nil || !r.allows() || r.keeper.State().Revision != r.revision() {
		t.Error(err)
	}
	end()
	if err := <-done; err == nil {
		t.Error("the fetch did not wait")
	}
}

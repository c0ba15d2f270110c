package main

import (
	"bytes"
	"math"
	"os"
	"testing"
	"time"
)

// The page is made of the committed results: nobody writes a figure by hand, and none outlives its measurement.
func TestPageIsOfTheResults(t *testing.T) {
	want, err := rendered("results.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/scale.md is not of test/scale/results.json: go run ./test/scale -seconds 0")
	}
}

// What the mix has is measured, and is all there is.
func TestMixIsWhole(t *testing.T) {
	sum := 0.
	for _, s := range Mix {
		if kinds[s.Kind] == nil {
			t.Errorf("%s is no kind", s.Kind)
		}
		sum += s.Share
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("the shares are %v in all", sum)
	}
}

// Use adds up: a fleet twice as large has twice the requests and asks twice as much, and what is full is full at the number that Limits says.
func TestModelAddsUp(t *testing.T) {
	r := Results{Idle: Use{Gateway: .01, Postgres: .001, Redis: .001, Statements: 6}, Kinds: map[string]Use{}}
	for i, s := range Mix {
		r.Kinds[s.Kind] = Use{Gateway: .001 * float64(i+1), Redis: 1e-5, Postgres: 2e-5, Commands: 1, Statements: .5, Events: 900}
	}
	r.Checks = []Check{{Gateways: 1, Requests: 100, Measured: r.Unasked(1).plus(r.Typical(Mix).times(100))}}
	if a, b := r.ByOne().Gateway, r.Typical(Mix).Gateway; math.Abs(a/b-1) > 1e-9 {
		t.Errorf("the average request takes %v and its parts %v", a, b)
	}
	three := Check{Gateways: 3, Requests: 250, Measured: r.Unasked(3).plus(r.Typical(Mix).times(250))}
	if requests, use := r.Said(three); math.Abs(requests-250) > 1e-6 || math.Abs(use.Statements-three.Measured.Statements) > 1e-6 {
		t.Errorf("says %v, %+v of %+v", requests, use, three)
	}
	one, ten := r.Need(1), r.Need(10)
	for what, of := range map[string][2]float64{
		"requests": {one.Requests, ten.Requests}, "redis": {one.Redis, ten.Redis}, "postgres": {one.Postgres, ten.Postgres}, "events": {one.Events, ten.Events},
	} {
		if math.Abs(of[1]/of[0]-10) > 1e-9 {
			t.Errorf("%s: %v", what, of)
		}
	}
	for _, l := range r.Limits() {
		full := r.Need(int(math.Round(l.At)))
		if use := map[bool]float64{true: full.Redis / redisLoad, false: full.Databases()}[l.Part[:9] == "one Redis"]; math.Abs(use-1) > .1 {
			t.Errorf("%s at %v: %v full", l.Part, l.At, use)
		}
	}
	if (Need{Redis: 2.2}).Shards() != 4 || (Need{Redis: .1}).Shards() != 1 {
		t.Error("masters")
	}
}

// What is measured is what there was: requests do ask, and the model's kinds are all answered as they must be.
func TestMeasuring(t *testing.T) {
	with(t, 1, func(s *site) {
		workers := s.people(1)
		for name, do := range kinds {
			u, rate := s.cost(name, do, workers, 300*time.Millisecond, Use{})
			if rate <= 0 || u == (Use{}) {
				t.Errorf("%s: %v a second, %+v", name, rate, u)
			}
			if name == "login" && (u.Statements < 1 || u.Commands < 1 || u.Written < 1) {
				t.Errorf("a login asks nothing: %+v", u)
			}
		}
	})
}

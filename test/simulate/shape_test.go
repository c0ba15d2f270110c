package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// shape is what fields events of an action have, and of which type.
type shape struct {
	count  int
	fields map[string]int
	types  map[string]string
}

// shapes by action and outcome.
type shapes map[string]*shape

func (s shapes) add(e map[string]any) {
	key := fmt.Sprint(e["event.action"], " ", e["event.outcome"])
	one := s[key]
	if one == nil {
		one = &shape{fields: map[string]int{}, types: map[string]string{}}
		s[key] = one
	}
	one.count++
	for name, v := range e {
		one.fields[name]++
		one.types[name] = fmt.Sprintf("%T", v)
		if name == "event.category" || name == "event.type" {
			one.types[name] = fmt.Sprint(v) // words of ECS
		}
	}
}

// What a simulated event has, a real one of the same action and outcome has, too, of the same type; and what a real one always has, simulated ones have.
func TestShape(t *testing.T) {
	t.Parallel()
	real, made := shapes{}, shapes{}
	for _, e := range lived(t) {
		real.add(e)
	}
	events, _ := shared()
	eachEvent(t, events, made.add)
	for _, key := range slices.Sorted(maps.Keys(made)) {
		action, _, _ := strings.Cut(key, " ")
		if real[key] == nil {
			if !notLived[action] {
				t.Errorf("%s: a real gateway was not seen to tell of it", key)
			}
			continue
		}
		real[key].compare(t, key, made[key])
	}
}

func (real *shape) compare(t *testing.T, key string, made *shape) {
	for name, kind := range made.types {
		if real.fields[name] == 0 && !notHere[name] {
			t.Errorf("%s: real ones have no %s", key, name)
		}
		if got := real.types[name]; got != "" && got != kind {
			t.Errorf("%s: %s is %s, and really %s", key, name, kind, got)
		}
	}
	for name, n := range real.fields {
		if n == real.count && name != "gateway.risk.score" && made.fields[name] < made.count/2 {
			t.Errorf("%s: only %d of %d have %s, which all real ones have", key, made.fields[name], made.count, name)
		}
	}
}

// notHere are fields that need what the demo does not have: files of countries and networks, mail, a scanner.
var notHere = map[string]bool{
	"source.geo.country_iso_code": true, "source.as.number": true, "source.as.organization.name": true,
	"gateway.upload.signature": true, "gateway.device": true, "user_agent.original": true,
}

// notLived are actions for which a demo lacks the means: mail, a scanner, countries, puzzles that are solved, other days.
var notLived = map[string]bool{
	"password-reset-requested": true, "password-reset": true, "registration-requested": true, "account-created": true, "service-token": true,
	"challenge-solved": true, "signing-keys-changed": true, "invitation-created": true, "account-disabled": true, "account-unlocked": true, "second-factors-reset": true,
	"account-exported": true, "email-changed": true, "second-factor-added": true, "second-factor-removed": true, "email-change-requested": true, "device-removed": true, "ban-removed": true,
	"abuse-level": true,
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

var gateway *kit.Node

func TestMain(m *testing.M) {
	kit.Main(m, func(t kit.T) {
		gateway = filled(t, options{seed: 1, events: 15_000})
		live(t, gateway)
	})
}

// Every view is there, filled, and answers; those whose time depends on events say so with a million of them: make console-bench.
func TestEveryViewAnswers(t *testing.T) {
	p := signIn(t, gateway, gateway.Users["ada"])
	views := p.views(t, nil)
	var out bytes.Buffer
	printTimings(&out, 15_000, p.measure(t, views, 1))
	t.Log(out.String())
	if !strings.Contains(out.String(), "health") {
		t.Errorf("no view of the gateway's health: %s", out.String())
	}
}

// Every view can be used by everybody, on a dark desktop and on a light phone.
func TestEveryViewIsForEverybody(t *testing.T) {
	p := signIn(t, gateway, gateway.Users["ada"])
	pictures(t, gateway, gateway.Users["ada"], p.views(t, nil), screens[1:3], "")
}

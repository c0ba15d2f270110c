package engine

import (
	"context"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/policies"
)

// withConditions is the shipped policy with conditions in its data.
func withConditions(t *testing.T) (s *Snapshot, names []string) {
	t.Helper()
	src, err := Load(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	conditions := map[string]any{
		"hours":     map[string]any{"hours": map[string]any{"zone": "UTC", "days": map[string]any{}, "from": "00:00", "until": "24:00"}},
		"office":    map[string]any{"networks": []any{"10.0.0.0/8"}},
		"elsewhere": map[string]any{"not_networks": []any{"192.0.2.0/24"}},
		"country":   map[string]any{"countries": map[string]any{"AT": true}},
		"abroad":    map[string]any{"not_countries": map[string]any{"DE": true}},
		"device":    map[string]any{"trusted_device": true, "otherwise": "step_up", "second_factor_seconds": 900},
		"risk":      map[string]any{"risk_below": 10},
		"age":       map[string]any{"account_age_seconds": 86400},
		"slip":      map[string]any{"netwroks": []any{}},
		"empty":     map[string]any{},
	}
	src.Data["conditions"] = conditions
	classes := src.Data["classifications"].(map[string]any)
	for name := range conditions {
		classes[name] = map[string]any{"conditions": []any{name}}
	}
	classes["odd"] = map[string]any{"signed-in": true}
	s, err = Compile(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return s, slices.Collect(maps.Keys(conditions))
}

// questions are asked in many ways, so that every reason of the shipped policy is given.
func questions(classes []string) (all []*Input) {
	now := time.Unix(1_700_000_000, 0)
	for _, permission := range []string{"none", "unknown", "public", "app:read", "app:restricted", "room:list", "room:read", "member:add", "member:remove", "message:update", "message:delete", "file:read", "file:delete"} {
		for _, role := range []string{"", "user", "moderator", "guest"} {
			for _, relations := range [][]string{nil, {"viewer"}, {"owner"}, {"author"}} {
				for _, change := range []func(*Input){
					func(*Input) {},
					func(in *Input) { in.Relations = nil },
					func(in *Input) { in.ParentRelations = nil },
					func(in *Input) { in.Target, in.ParentRelations = "ursula", []string{"member"} },
					func(in *Input) {
						if in.Identity != nil {
							in.BreakGlass, in.Identity.Scopes = true, []string{"room:list"}
						}
					},
					func(in *Input) { in.BreakGlass = true },
				} {
					in := &Input{Permission: permission, Resource: Object{"x", "1"}, Relations: relations, ParentRelations: relations, Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1"), Country: "DE"}}
					if role != "" {
						in.Identity = &reqctx.Identity{Subject: "s", Name: "ursula", Kind: reqctx.KindPerson, Roles: []string{role}, Risk: []string{"new-country"}, Created: now}
					}
					change(in)
					all = append(all, in)
				}
			}
		}
	}
	for _, class := range append(classes, "internal", "confidential", "restricted", "odd", "nobody described it") {
		for _, permission := range []string{"public", "app:read"} {
			for _, role := range []string{"", "user", "guest"} {
				in := &Input{Permission: permission, Classification: class, Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1"), Country: "DE"}}
				if role != "" {
					in.Identity = &reqctx.Identity{Subject: "s", Name: "ursula", Roles: []string{role}, ACR: reqctx.ACRSingle, Risk: []string{"new-country"}, Created: now, MFATime: now}
					if role == "guest" {
						in.Identity.MFATime = time.Time{}
					}
				}
				all = append(all, in)
			}
		}
	}
	return all
}

// Events name the rule that gave the reason: for whatever is asked of the shipped policy, it is the one that the reason stands in.
func TestTheRuleOfAReason(t *testing.T) {
	s, conditions := withConditions(t)
	given := map[string]string{}
	for _, in := range questions(conditions) {
		d, x, err := s.Explain(context.Background(), in.Value(), Options{Now: time.Unix(1_700_000_000, 0), Timeout: 10 * time.Second}, false)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		rule := x.Rule()
		if first, again := given[d.Reason]; again && first != rule {
			t.Errorf("%q is given by %s, and by %s", d.Reason, first, rule)
		}
		given[d.Reason] = rule
	}
	for reason, rule := range given {
		file, line, _ := strings.Cut(rule, ":")
		n, _ := strconv.Atoi(line)
		text, err := fs.ReadFile(policies.FS, file)
		if err != nil || n == 0 {
			t.Errorf("%q: %q: %v", reason, rule, err)
			continue
		}
		lines := strings.Split(string(text), "\n")
		whole, _, _ := strings.Cut(strings.Join(lines[n-1:], "\n"), "# METADATA")
		if !strings.Contains(whole, strconv.Quote(reason)) {
			t.Errorf("%q is said to be from %s, which is\n%s", reason, rule, whole)
		}
	}
	if len(given) < 35 {
		t.Errorf("%d reasons were given: %q", len(given), slices.Sorted(maps.Keys(given)))
	}
}

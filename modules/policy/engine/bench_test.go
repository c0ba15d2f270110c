package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// way is one through the shipped policy that requests often take.
type way struct {
	name   string
	in     *Input
	reason string
	allow  bool
	most   float64 // allocations of a fresh decision
}

// longer are ways that take more than 200 allocations, and how many at most.
var longer = map[string]float64{
	"restricted-permission": 360, "step-up": 410, "step-up-without-factor": 320, "two-roles-restricted": 390, "three-roles": 850, "anywhere": 420,
	"break-glass": 360, "break-glass-unused": 420, "break-glass-restricted": 430,
	"token-out-of-scope": 330, "no-grant": 410, "no-grant-restricted": 480, "no-role": 370,
}

// ways are asked at the time at which their second factors are fresh.
func ways(now time.Time) (all []way) {
	add := func(name, reason string, allow bool, change func(in *Input, id *reqctx.Identity)) {
		in, id := messagePost(), *ursula
		in.Identity, id.ACR, id.Kind = &id, reqctx.ACRSingle, reqctx.KindPerson
		change(in, &id)
		most, ok := longer[name]
		if !ok {
			most = 200
		}
		all = append(all, way{name, in, reason, allow, most})
	}
	plain := func(*Input, *reqctx.Identity) {}
	add("message-post", "grant on the resource", true, plain)
	about := func(permission string) func(*Input, *reqctx.Identity) {
		return func(in *Input, _ *reqctx.Identity) {
			in.Permission, in.Resource, in.Relations = permission, Object{}, nil
		}
	}
	add("app-read", "signed in", true, about("app:read"))
	message := func(relations ...string) func(*Input, *reqctx.Identity) {
		return func(in *Input, _ *reqctx.Identity) {
			in.Permission, in.Resource, in.Relations = "message:delete", Object{"message", "1"}, relations
			in.Parent, in.ParentRelations = Object{"room", "general"}, []string{"viewer"}
		}
	}
	add("message-delete", "author, deletes", true, message("author"))
	add("anonymous-public", "open to everyone", true, func(in *Input, _ *reqctx.Identity) {
		about("public")(in, nil)
		in.Identity = nil
	})
	add("anonymous-refused", "nobody is signed in", false, func(in *Input, _ *reqctx.Identity) {
		about("app:read")(in, nil)
		in.Identity = nil
	})
	restricted := func(in *Input, id *reqctx.Identity) {
		in.Classification, id.MFATime, id.ACR = "restricted", now, reqctx.ACRMulti
	}
	add("internal", "grant on the resource", true, func(in *Input, _ *reqctx.Identity) { in.Classification = "internal" })
	add("confidential", "grant on the resource", true, func(in *Input, _ *reqctx.Identity) { in.Classification = "confidential" })
	add("restricted", "grant on the resource", true, restricted)
	add("restricted-permission", "signed in", true, func(in *Input, id *reqctx.Identity) {
		about("app:restricted")(in, id)
		id.MFATime, id.ACR = now, reqctx.ACRMulti
	})
	add("restricted-twice", "role", true, func(in *Input, id *reqctx.Identity) {
		about("account:admin")(in, id)
		restricted(in, id)
		id.Roles = []string{"admin"}
	})
	add("restricted-other-permission", "signed in", true, func(in *Input, id *reqctx.Identity) {
		about("app:restricted")(in, id)
		restricted(in, id)
		in.Classification = "internal"
	})
	add("step-up", "a recent second factor is needed", false, func(in *Input, id *reqctx.Identity) {
		restricted(in, id)
		id.MFATime = now.Add(-time.Hour)
	})
	add("step-up-without-factor", "a recent second factor is needed", false, func(in *Input, _ *reqctx.Identity) { in.Classification = "restricted" })
	two := func(id *reqctx.Identity) { id.Roles = []string{"user", "moderator"} }
	add("two-roles", "grant on the resource", true, func(_ *Input, id *reqctx.Identity) { two(id) })
	add("two-roles-restricted", "grant on the resource", true, func(in *Input, id *reqctx.Identity) {
		two(id)
		restricted(in, id)
	})
	add("three-roles", "grant on the resource", true, func(_ *Input, id *reqctx.Identity) { id.Roles = []string{"user", "premium", "admin"} })
	add("anywhere", "role, anywhere", true, func(in *Input, id *reqctx.Identity) {
		message()(in, id)
		in.ParentRelations, id.Roles = nil, []string{"moderator"}
	})
	add("break-glass", "emergency access", true, func(in *Input, _ *reqctx.Identity) {
		in.Permission, in.Relations, in.BreakGlass = "room:read", nil, true
	})
	add("break-glass-unused", "grant on the resource", true, func(in *Input, _ *reqctx.Identity) { in.BreakGlass = true })
	add("break-glass-restricted", "emergency access", true, func(in *Input, id *reqctx.Identity) {
		in.Permission, in.Relations, in.BreakGlass = "room:read", nil, true
		restricted(in, id)
	})
	add("token", "grant on the resource", true, func(_ *Input, id *reqctx.Identity) { id.Scopes = []string{"room:read", "message:post"} })
	add("token-out-of-scope", "outside the token's scopes", false, func(_ *Input, id *reqctx.Identity) { id.Scopes = []string{"room:read", "room:list"} })
	add("no-grant", "no grant on the resource", false, func(in *Input, _ *reqctx.Identity) { in.Relations = nil })
	add("no-grant-restricted", "no grant on the resource", false, func(in *Input, id *reqctx.Identity) {
		restricted(in, id)
		in.Relations = nil
	})
	add("no-role", "no role permits it", false, func(in *Input, id *reqctx.Identity) { about("account:admin")(in, id) })
	return all
}

// BenchmarkDecide is what a fresh decision of the shipped policy takes, by the way through it.
func BenchmarkDecide(b *testing.B) {
	s := shipped(b).current.Load()
	s.memory = nil // what a decision takes, not what remembering it does
	e := New(s, 10*time.Second, time.Now)
	for _, w := range ways(time.Now()) {
		b.Run(w.name, func(b *testing.B) { decide(b, e, w.in, w.allow) })
	}
}

// decide reports the median too: other work on the machine makes the mean say little.
func decide(b *testing.B, e *Engine, in *Input, allow bool) {
	b.ReportAllocs()
	took := make([]time.Duration, 0, 1<<20)
	for b.Loop() {
		began := time.Now()
		if d, err := e.Decide(context.Background(), in); err != nil || d.Allow != allow {
			b.Fatalf("%+v %v", d, err)
		}
		if len(took) < cap(took) {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-µs")
}

package engine

import (
	"net/netip"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// The digest of an input is that of its document, for any input: the two are written in two ways.
func TestTheDigestIsTheDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return rapid.SampledFrom([]string{"", "a", "é\"\\", "\x00\xff", "x/y"}).Draw(t, name)
		}
		list := func(name string) []string {
			switch rapid.IntRange(0, 3).Draw(t, name) {
			case 0:
				return nil
			case 1:
				return []string{}
			case 2:
				return []string{text(name + " one")}
			}
			return []string{text(name + " first"), text(name + " second")}
		}
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		when := func(name string) time.Time {
			if flag(name + " is there") {
				return time.Unix(rapid.Int64Range(-1<<33, 1<<33).Draw(t, name), 5)
			}
			return time.Time{}
		}
		in := Input{
			RequestID: text("id"), Method: text("method"), Path: text("path"), Route: text("route"), Host: text("host"), Permission: text("permission"),
			Classification: text("classification"), Fields: text("fields"), Query: rapid.SampledFrom(queries).Draw(t, "query"), Resource: Object{text("resource type"), text("resource")}, Parent: Object{text("parent type"), text("parent")},
			Target: text("target"), Relations: list("relations"), ParentRelations: list("parent relations"), BreakGlass: flag("break glass"), Truncated: flag("truncated"),
		}
		if flag("client") {
			in.Client = reqctx.Client{IP: rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}).Draw(t, "ip"), Country: text("country"), Risk: 10 * rapid.IntRange(0, 10).Draw(t, "client risk")}
		}
		if flag("message") {
			in.Message = &Message{Type: text("message type"), Direction: text("direction")}
		}
		if flag("body") {
			in.Body = ast.MustParseTerm(`{"z": [1, 2.5, null], "a": {"b": true}}`).Value
		}
		if flag("identity") {
			in.Identity = &reqctx.Identity{
				Subject: text("subject"), Name: text("name"), Roles: list("roles"), Session: text("session"), Kind: text("kind"), Issuer: text("issuer"), Scopes: list("scopes"),
				Methods: list("methods"), ACR: text("acr"), Trusted: flag("trusted"), Risk: list("risk"), AuthTime: when("auth"), MFATime: when("mfa"), Created: when("created"),
			}
		}
		want, err := AppendJSON(nil, in.Value())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := in.appendJSON(nil); err != nil || string(got) != string(want) {
			t.Errorf("%v\n%s is not\n%s", err, got, want)
		}
		if in.Digest() != Digest(in.Value()) {
			t.Error("another digest")
		}
	})
}

func TestTheDigestAllocatesLittle(t *testing.T) {
	in := &Input{Method: "GET", Path: "/api/rooms/a", Permission: "room:read", Identity: &reqctx.Identity{Subject: "s", Name: "ursula", Roles: []string{"user"}}}
	if n := testing.AllocsPerRun(100, func() { in.Digest() }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

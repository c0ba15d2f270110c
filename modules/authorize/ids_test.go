package authorize

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/policy/grant"
	"github.com/convosphere/gateway/test/golden"
)

const idRoutes = `
	route GET /rooms {
		permission app:read
		ids X-Room-Ids room room:read
		ids X-List-Ids room room:list
	}
`

// The back end that filters itself learns what the person may have, and nobody else tells it.
func TestIDsAreTold(t *testing.T) {
	e := newEnv(t, idRoutes, "")
	grantRoom(t, e, "a", "b,c", "ü*", "x/y z")
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	if err := s.Apply(context.Background(), []grant.Grant{{Subject: grant.Everyone, Relation: "viewer", Object: "room:open"}}, nil); err != nil {
		t.Fatal(err)
	}
	sees := func(user, header, want string, more bool) {
		t.Helper()
		e.backend(nil)
		e.expect(200, "GET", "/rooms", user)
		got := e.reached()[0].Header
		if list, ok := got[header]; !ok || list[0] != want || got.Get(header+"-More") != map[bool]string{true: "true"}[more] {
			t.Errorf("%s: %v", user, got)
		}
	}
	sees("ursula/user", "X-Room-Ids", "a,b%2Cc,open,x%2Fy%20z,%C3%BC%2A", false)
	sees("petra/user", "X-Room-Ids", "open", false)
	sees("petra/nobody", "X-Room-Ids", "", false)
	sees("petra/user", "X-List-Ids", "*", false)
	sees("petra/nobody", "X-List-Ids", "", false)

	// A client's copy is taken out, however it is spelt, on every route.
	for _, path := range []string{"/rooms", "/elsewhere"} {
		for _, name := range []string{"X-Room-Ids", "x-room-ids", "X_Room_Ids", "X.Room.Ids", "X-ROOM-IDS-MORE", "X-List-Ids-More"} {
			e.backend(nil)
			if r := e.do("GET", path, "petra/user", name, "forged", "Connection", "X-Room-Ids, close"); r.status != 200 {
				t.Fatal(r.status)
			}
			for k, v := range e.reached()[0].Header {
				if slices.Contains(v, "forged") {
					t.Errorf("%s of a client arrived as %s", name, k)
				}
			}
			if got := e.reached()[0].Header.Get("X-Room-Ids"); (path == "/rooms") != (got == "open") {
				t.Errorf("%s: %q", path, got)
			}
		}
	}

	// Many, and long ones: what does not fit is not forgotten in silence.
	var many []string
	for i := range 1500 {
		many = append(many, fmt.Sprintf("m%04d", i))
	}
	grantRoom(t, e, many...)
	e.backend(nil)
	e.expect(200, "GET", "/rooms", "ursula/user")
	if h := e.reached()[0].Header; len(strings.Split(h.Get("X-Room-Ids"), ",")) != maxIDs || h.Get("X-Room-Ids-More") != "true" {
		t.Errorf("%d ids, more %q", len(strings.Split(h.Get("X-Room-Ids"), ",")), h.Get("X-Room-Ids-More"))
	}
	if text, cut := joinIDs([]string{strings.Repeat("a", maxIDBytes), "b"}); !cut || text != strings.Repeat("a", maxIDBytes) {
		t.Error(len(text), cut)
	}

	// Without grants nothing is known: the back end is not asked.
	if err := e.ground().DB.Close(); err != nil {
		t.Fatal(err)
	}
	e.backend(nil)
	if r := e.expect(503, "GET", "/rooms", "otto/user"); r.header.Get("Retry-After") == "" || len(e.reached()) != 0 {
		t.Errorf("%v, %d reached the back end", r.header, len(e.reached()))
	}
}

func TestIDsAreChecked(t *testing.T) {
	for line, want := range map[string]string{
		"ids Room-Ids room room:read":                                       "begins with X-",
		"ids X room room:read":                                              "begins with X-",
		"ids X-Röom room room:read":                                         "begins with X-",
		"ids X-User-Id room room:read":                                      "something else",
		"ids x-gateway-assertion room room:read":                            "something else",
		"ids X-Room-Ids Room room:read":                                     "no type of objects",
		"ids X-Room-Ids room:x room:read":                                   "no type of objects",
		`ids X-Room-Ids room ""`:                                            "permission is missing",
		"ids X-Room-Ids room":                                               "write `ids",
		"ids X-Room-Ids room room:read more":                                "wrong argument",
		"ids X-Room-Ids room room:read\nids x-room-ids file file:read":      "given twice",
		"ids X-Room-Ids room room:read\nids X-Room-Ids-More file file:read": "given twice",
		"ids X-Room-Ids-More room room:read\nids X-Room-Ids file file:read": "given twice",
		"ids X-" + strings.Repeat("a", 63) + " room room:read":              "begins with X-",
	} {
		_, err := golden.Adapt(":8080\ngw_authorize {\nroute GET /x {\npermission p\n" + line + "\n}\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Caddyfile:") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestHeadersAreFolded(t *testing.T) {
	h := http.Header{"X_Room.ids": {"x"}, "X-Other": {"y"}}
	if !isTaken("X_Room.ids", "x-room-ids") || isTaken("X-Other", "x-room-ids") || isTaken("X-Room-Ids") || len(h) != 2 {
		t.Error("folded wrong")
	}
}

package decisionlog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// What the event of a request hides is not in the event of its decision either: the names of people that a path has, and tokens that somebody put into one.
func TestEventsHideNamesAndTokens(t *testing.T) {
	s := compile(t, allows, "")
	const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	named, mistaken := entry(s), entry(s)
	named.Input.Path, named.Input.Route = "/api/rooms/x/members/petra", "PUT /api/rooms/{room}/members/{user}"
	mistaken.Input.Path, mistaken.Input.Route = "/api/files/"+jwt, "GET /api/files/{id}"
	mistaken.Input.Resource, mistaken.Input.Parent = engine.Object{Type: "file", ID: jwt}, engine.Object{Type: "room", ID: jwt}
	mistaken.Input.Message = &engine.Message{Type: jwt, Direction: "in"}
	mistaken.Decision.Reason = "not " + jwt
	list := loggedWith(t, Options{}, s, named, mistaken)
	if len(list) != 2 || list[0]["url.path"] != "/api/rooms/x/members/{user}" || list[1]["url.path"] != "/api/files/[hidden]" {
		t.Fatal(list)
	}
	if text := fmt.Sprint(list); strings.Contains(text, "petra") || strings.Contains(text, "eyJ") {
		t.Error(text)
	}
}

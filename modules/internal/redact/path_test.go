package redact

import (
	"strings"
	"testing"
)

func TestTokensInPathsAreHidden(t *testing.T) {
	for path, want := range map[string]string{
		"/api/rooms/general/messages":                       "/api/rooms/general/messages",
		"/a/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln":      "/a/[hidden]",
		"/a/" + strings.Repeat("x", 65) + "/b":              "/a/[hidden]/b",
		"/a/gwp_" + strings.Repeat("a", 47):                 "/a/[hidden]",
		"/a/019aa9c2-3b53-7f3a-9a51-6b7f1a2b3c4d":           "/a/019aa9c2-3b53-7f3a-9a51-6b7f1a2b3c4d",
		"/a/" + strings.Repeat("%27%20or%201=1", 10) + "/b": "/a/" + strings.Repeat("%27%20or%201=1", 10) + "/b",
	} {
		if got := hideTokens(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// Events outlive people: who is erased must not be found in them.
func TestNamesInPathsAreHidden(t *testing.T) {
	const members = "PUT /api/rooms/{room}/members/{user}"
	for _, c := range []struct{ route, path, want string }{
		{members, "/api/rooms/general/members/ursula", "/api/rooms/general/members/{user}"},
		{members, "/api/rooms/general/members/Ur.S-u_1", "/api/rooms/general/members/{user}"},
		{"/{user}", "/ursula", "/{user}"},
		{members, "/api/rooms/general/members/ursula/x", "/api/rooms/general/members/ursula/x"},
		{members, "/api/rooms/general/members/%27%20or%201=1", "/api/rooms/general/members/%27%20or%201=1"},
		{"GET /api/rooms/{room}", "/api/rooms/general", "/api/rooms/general"},
		{members, "/api/rooms/general/members/ursula/", "/api/rooms/general/members/{user}/"},
		{members, "/api/rooms/general/members/" + strings.Repeat("u", 64), "/api/rooms/general/members/{user}"},
		{members, "/api/rooms/general/members/ursula%40work@idp.example", "/api/rooms/general/members/{user}"},
		{"", "/api/rooms/general/members/ursula", "/api/rooms/general/members/ursula"},
	} {
		if got := hideNames(c.path, c.route); got != c.want {
			t.Errorf("%s: %s", c.path, got)
		}
	}
}

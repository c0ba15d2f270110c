package protect

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

// A reload takes a new configuration; one that fails leaves the old one at work.
func TestReload(t *testing.T) {
	e := newEnv(t, chat, chatFields)
	s := &store{}
	e.backend(s.serve)
	post := func() string {
		if r := e.post("/rooms/general/messages", `{"text":"planted"}`); r.status != 201 {
			t.Fatal(r)
		}
		return e.stored()
	}
	if got := post(); strings.Contains(got, "planted") {
		t.Fatal(got)
	}
	if err := e.load("route POST /rooms/{room}/messages {\n\tkey_set room/{nobody}\n\trecord message\n}", chatFields); err == nil {
		t.Fatal("a variable that does not exist is taken")
	}
	if got := post(); strings.Contains(got, "planted") {
		t.Fatal("after a failed reload:", got)
	}
	if err := e.load(chat, "{}"); err != nil {
		t.Fatal(err)
	}
	if got := post(); !strings.Contains(got, "planted") {
		t.Error("what is no longer classified is encrypted:", got)
	}
	if err := e.load(chat, chatFields); err != nil {
		t.Fatal(err)
	}
	if got := post(); strings.Contains(got, "planted") {
		t.Error("after another reload:", got)
	}
}

func FuzzCaddyfile(f *testing.F) {
	f.Add("gw_protect {\n" + chat + people + "\n}")
	f.Add("gw_protect {\n\tmax_body 1KiB\n\tplain pass\n\troute * / {\n\t\tkey_set a\n\t\trecord b /* {\n\t\t\tid x\n\t\t}\n\t}\n}")
	f.Fuzz(func(_ *testing.T, in string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)) == nil {
			h.defaults()
			_ = h.Validate() // it must not panic on what was parsed
		}
	})
}

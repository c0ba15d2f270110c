package portal

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A thief guesses until nobody new may try; the owner, in the browser they know, signs in all the same, sees where they are signed in, and ends it.
func TestSessionsAndThrottlesWithRealApps(t *testing.T) {
	s := startWith(t, `identity {
			remember {
				idle 14d
				absolute 30d
			}
			max_sessions 3
			throttle {
				pair 3 30s 1h
				challenge off
			}
		}`, "")
	creds := map[string]string{"username": "ursula", "password": password}
	owner, second := browser(t), browser(t)
	if r := s.call(t, owner, "POST", "/auth/api/login", creds); r.StatusCode != 200 {
		t.Fatal(r.StatusCode, r.raw)
	}
	thief := browser(t)
	statuses := ""
	for range 4 {
		r := s.call(t, thief, "POST", "/auth/api/login", map[string]string{"username": " URSULA", "password": "wrong-wrong-wrong"})
		statuses += fmt.Sprint(r.StatusCode, " ")
	}
	if statuses != "401 401 401 429 " {
		t.Fatal("guesses:", statuses)
	}
	if r := s.call(t, second, "POST", "/auth/api/login", creds); r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
		t.Fatal("a stranger's right password:", r.StatusCode, r.raw)
	}
	r := s.call(t, owner, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": password, "remember": "true"})
	if r.StatusCode != 200 {
		t.Fatal("the owner is locked out:", r.StatusCode, r.raw)
	}
	lasting := 0
	for _, c := range r.Cookies() {
		if c.Name == refreshCookie || c.Name == deviceCookie {
			lasting += c.MaxAge
		}
	}
	if lasting < 413*24*3600 {
		t.Error("cookies last", time.Duration(lasting)*time.Second)
	}
	list := func(c *http.Client) []any {
		t.Helper()
		r := s.call(t, c, "GET", "/auth/api/account/sessions", nil)
		all, _ := r.body["sessions"].([]any)
		if r.StatusCode != 200 {
			t.Fatal(r.StatusCode, r.raw)
		}
		return all
	}
	// The session that the login took the place of has ended.
	if all := list(owner); len(all) != 1 || all[0].(map[string]any)["current"] != true || all[0].(map[string]any)["remembered"] != true {
		t.Fatal(all)
	}
	r = s.call(t, owner, "GET", "/auth/api/account/devices", nil)
	devices, _ := r.body["devices"].([]any)
	if len(devices) != 1 || devices[0].(map[string]any)["current"] != true {
		t.Fatal(r.raw)
	}
	if r := s.call(t, owner, "DELETE", "/auth/api/account/sessions/AAAAAAAAAAAAAAAAAAAAAAAAAA", nil); r.StatusCode != 404 {
		t.Error("a session that is not there:", r.StatusCode)
	}
	if r := s.call(t, owner, "DELETE", "/auth/api/account/sessions?current=true", nil); r.StatusCode != 204 || len(r.Cookies()) != 3 {
		t.Error("end all:", r.StatusCode, r.Cookies())
	}
	if r := s.call(t, owner, "GET", "/auth/api/account/sessions", nil); r.StatusCode != 401 {
		t.Error("after the end:", r.StatusCode)
	}
	// The device is known still.
	if r := s.call(t, owner, "POST", "/auth/api/login", creds); r.StatusCode != 200 {
		t.Error("the owner again:", r.StatusCode, r.raw)
	}
	id := devices[0].(map[string]any)["id"].(string)
	if r := s.call(t, owner, "DELETE", "/auth/api/account/devices/"+id, nil); r.StatusCode != 204 {
		t.Error("remove the device:", r.StatusCode, r.raw)
	}
	if r := s.call(t, owner, "POST", "/auth/api/login", creds); r.StatusCode != 429 {
		t.Error("a removed device is known:", r.StatusCode)
	}
}

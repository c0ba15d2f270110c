package ratelimit

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/store"
)

// operator asks the admin API.
func operator(t testing.TB, method, uri, body string) (code int, a answer, text string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (admin{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handler.ServeHTTP(w, r); err != nil {
				var api caddy.APIError
				if !errors.As(err, &api) {
					api = caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
				}
				http.Error(w, api.Err.Error(), api.HTTPStatus)
			}
		})
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, uri, strings.NewReader(body)).WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})))
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err, w.Body)
		}
	}
	return w.Code, a, w.Body.String()
}

func (a answer) zone(t testing.TB, name string) standing {
	t.Helper()
	for _, s := range a.Zones {
		if s.Zone == name {
			return s
		}
	}
	t.Fatalf("no zone %s in %+v", name, a.Zones)
	return standing{}
}

func TestStatusAndTop(t *testing.T) {
	if code, _, _ := operator(t, "POST", "/gateway/limits/status", `{"key":["client=192.0.2.1"]}`); code != http.StatusServiceUnavailable {
		t.Errorf("nothing runs: %d", code)
	}
	h := mustLoad(t, `gw_rate_limit {
		defaults off
		zone client {
			rate 1/1h
			burst 3
		}
		zone user {
			key user
			rate 1/1h
			burst 10
		}
		zone named {
			key json:/username
			quota 5/day
		}
		zone key {
			key header:X-Api-Key client
			rate 1/1h
			shadow
		}
		zone path {
			match /a
			match /b
			key route
			rate 1/1h
			burst 5
		}
		zone none {
			match /never
			rate 0/1m
		}
		zone sized {
			match /sized
			rate 10/1h
			cost bytes 1KiB
		}
	}`, store.NewMemory(0))
	for range 7 {
		ask(t, h, "GET /a", "192.0.2.1", "")
	}
	for range 30 {
		ask(t, h, "GET /x", "2001:db8::1", "17")
	}

	_, a, _ := operator(t, "POST", "/gateway/limits/status", `{"key":["client=192.0.2.1"]}`)
	if s := a.zone(t, "client"); s.Remaining != 0 || !s.Refused || s.RetryAfter < 3500 || s.RetryAfter > 3600 || s.Reset <= 2*3600 || s.CountedBy[0] != "client=192.0.2.1" || s.Limit != "3 at once, one each 1h0m0s" {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "user"); s.CountedBy[0] != "client=192.0.2.1" || s.Remaining != 7 {
		t.Errorf("a request of nobody is counted by client: %+v", s)
	}
	if s := a.zone(t, "none"); !s.Refused || s.RetryAfter != 0 || s.Limit != "none" {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "sized"); s.Limit != "10 at once, one each 6m0s, in units of 1024 bytes" {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "path"); s.Unknown == "" {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "key"); !s.Shadow || !s.Refused {
		t.Errorf("%+v", s)
	}

	_, a, _ = operator(t, "POST", "/gateway/limits/status", `{"key":["user=17","route=/b","json:/username=Bob"]}`)
	if s := a.zone(t, "user"); s.CountedBy[0] != "user=17" || s.Remaining != 7 {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "client"); s.Unknown == "" {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "path"); s.Remaining != 5 || s.CountedBy[0] != "route=/b" {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "named"); s.Remaining != 5 || strings.Contains(s.CountedBy[0], "ob") || s.Limit != "5 a day" {
		t.Errorf("%+v", s)
	}

	_, a, _ = operator(t, "GET", "/gateway/limits/top?zone=client&n=1", "")
	if len(a.Top) != 1 || a.Top[0].Count != 27 || a.Top[0].Who[0] != "client=2001:db8::/64" {
		t.Errorf("%+v", a.Top)
	}
	_, a, text := operator(t, "GET", "/gateway/limits/top?by=spent", "")
	if strings.Contains(text, "X-Api-Key=1") {
		t.Errorf("%s", text)
	}
	for _, uri := range []string{"?by=name", "?n=0", "?n=x", "?n=9999999"} {
		if code, _, _ := operator(t, "GET", "/gateway/limits/top"+uri, ""); code != http.StatusBadRequest {
			t.Errorf("%s: %d", uri, code)
		}
	}
	for _, key := range []string{``, `""`, `"client"`, `"client="`, `"client=x"`, `"global=1"`, `"nobody=1"`, `"client=192.0.2.1","client=192.0.2.2"`, `"json:/a=1","json:/a/b=2"`, `"json:/a/b=1","json:/a=2"`} {
		if code, _, text := operator(t, "POST", "/gateway/limits/status", `{"key":[`+key+`]}`); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", key, code, text)
		}
	}
}

// Who is among those refused the most shows by what is no secret.
func TestReadable(t *testing.T) {
	for pair, want := range map[[2]string]string{
		{"client", "192.0.2.1"}: "client=192.0.2.1", {"global", ""}: "global", {"user", "17"}: "user=17", {"role", "a\x00b"}: "role=a,b",
		{"header:X-Api-Key", "secret"}: "header:X-Api-Key=#", {"json:/username", "bob"}: "json:/username=#", {"session", "s"}: "session=#", {"token", "s"}: "token=#",
	} {
		got := shown(pair[0], pair[1])
		if got != want && !(strings.HasSuffix(want, "#") && strings.HasPrefix(got, want) && len(got) == len(want)+12) {
			t.Errorf("%q: %s", pair, got)
		}
	}
}

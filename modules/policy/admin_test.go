package policy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
)

// ask serves one request of the admin API, and returns its status and answer.
func ask(t testing.TB, method, uri, body string) (code int, answer string) {
	t.Helper()
	return askAs(t, method, uri, "application/json", body)
}

func askAs(t testing.TB, method, uri, contentType, body string) (code int, answer string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (admin{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			var api caddy.APIError
			switch {
			case errors.As(err, &api):
				http.Error(w, api.Err.Error(), api.HTTPStatus)
			case err != nil:
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	r := httptest.NewRequest(method, uri, strings.NewReader(body)).WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, strings.TrimSpace(string(raw))
}

func TestStatus(t *testing.T) {
	if code, answer := ask(t, "GET", "/gateway/policy", ""); code != http.StatusServiceUnavailable {
		t.Errorf("with nothing running: %d %s", code, answer)
	}
	a := start(t, `{}`)
	code, answer := ask(t, "GET", "/gateway/policy", "")
	var got status
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err, answer)
	}
	if code != http.StatusOK || got.Revision != a.Revision() || got.From != "built in" || got.ActivatedAt.IsZero() {
		t.Errorf("%d %s", code, answer)
	}
	if code, _ := ask(t, "POST", "/gateway/policy", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	read := func(body string) (string, error) {
		raw, err := host.ReadBody(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", strings.NewReader(body)), 5)
		return string(raw), err
	}
	if got, err := read("12345"); got != "12345" || err != nil {
		t.Error(got, err)
	}
	var api caddy.APIError
	if _, err := read("123456"); !errors.As(err, &api) || api.HTTPStatus != http.StatusRequestEntityTooLarge {
		t.Error(err)
	}
}

package client

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func TestCaddyfileErrors(t *testing.T) {
	for in, want := range map[string]string{
		"gw_client foo": "Caddyfile:2",
		"gw_client {\n\t\tmax_url 1\n\t\tmax_url 2\n\t}": "max_url is given twice",
		"gw_client {\n\t\tmax_bdy 1\n\t}":                `unknown subdirective "max_bdy"`,
		"gw_client {\n\t\tmax_body\n\t}":                 "Caddyfile:3",
		"gw_client {\n\t\tmax_body many\n\t}":            `max_body: "many" is not a size`,
		"gw_client {\n\t\tmax_body 0\n\t}":               "is not a size",
		"gw_client {\n\t\tmax_url 8GiB\n\t}":             "is not a size up to 2GiB",
		"gw_client {\n\t\tmax_headers -1\n\t}":           "is not a count",
		"gw_client {\n\t\tmax_headers 1 2KiB 3\n\t}":     "Caddyfile:3",
		"gw_client {\n\t\ttrailers\n\t}":                 "Caddyfile:3",
		"gw_client {\n\t\tstrip\n\t}":                    "Caddyfile:3",
		"gw_client {\n\t\tstrip *-User\n\t}":             "is not a header name",
		"gw_client {\n\t\tstrip \"a b\"\n\t}":            "is not a header name",
	} {
		_, err := golden.Adapt(":8080 {\n\t" + in + "\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

// RFC 9110 section 6.5.1, and what is the gateway's or nobody's to say.
func TestForbiddenTrailersDoNotLoad(t *testing.T) {
	for _, name := range []string{"Authorization", "cookie", "Content-Length", "If-Match", "Transfer-Encoding", "X-User-Id", "x_original_url", "Forwarded", "X-Tenant", "X-*", "a b", ""} {
		h := &Handler{Trailers: []string{name}, names: newNames([]string{"X-Tenant"})}
		if h.Validate() == nil {
			t.Errorf("%q may be a trailer", name)
		}
	}
	if err := (&Handler{Trailers: []string{"X-Sum", "digest"}, names: newNames(nil)}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestUnmarshalStandsOnTheName(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_client {\n max_url 9\n}")); err != nil || h.MaxURL != 9 {
		t.Errorf("%v, %+v", err, h)
	}
}

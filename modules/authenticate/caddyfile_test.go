package authenticate

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func TestCaddyfileErrors(t *testing.T) {
	for in, want := range map[string]string{
		"gw_authenticate foo":                                        "Caddyfile:2",
		"gw_authenticate {\n\t\torigin https://a\n\t}":               `unknown subdirective "origin"`,
		"gw_authenticate {\n\t\tlogin_url /a\n\t\tlogin_url /b\n\t}": "login_url is given twice",
		"gw_authenticate {\n\t\torigins\n\t}":                        "Caddyfile:3",
		"gw_authenticate {\n\t\torigins app.example.com\n\t}":        `origins: "app.example.com" is not an origin`,
		"gw_authenticate {\n\t\torigins https://a/path\n\t}":         "is not an origin",
		"gw_authenticate {\n\t\torigins *\n\t}":                      "is not an origin",
		"gw_authenticate {\n\t\tlogin_url\n\t}":                      "Caddyfile:3",
		"gw_authenticate {\n\t\tfail_budget 20\n\t}":                 "Caddyfile:3",
		"gw_authenticate {\n\t\tfail_budget none 5\n\t}":             "is not a count",
		"gw_authenticate {\n\t\tfail_budget 20 0\n\t}":               "is not a number a second",
		"gw_authenticate {\n\t\tfail_budget 20 NaN\n\t}":             "is not a number a second",
		"gw_authenticate {\n\t\trenewal\n\t}":                        "Caddyfile:3",
		"gw_authenticate {\n\t\trenewal 0s\n\t}":                     "is no duration up to 5m",
		"gw_authenticate {\n\t\trenewal 6m\n\t}":                     "is no duration up to 5m",
		"gw_authenticate {\n\t\trenewal never\n\t}":                  "is no duration up to 5m",
	} {
		_, err := golden.Adapt(":8080 {\n\t" + in + "\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestUnmarshalStandsOnTheName(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_authenticate {\n login_url off\n}")); err != nil || h.LoginURL != "off" {
		t.Errorf("%v, %+v", err, h)
	}
}

func adapt(in string) ([]byte, error) { return golden.Adapt(":8080 {\n" + in + "\n}\n") }

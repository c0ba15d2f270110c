package console

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func TestCaddyfileErrors(t *testing.T) {
	for in, want := range map[string]string{
		"gw_console foo": "Caddyfile:2",
		"gw_console {\n\t\tbrand a\n\t\tbrand b\n\t}":       "brand is given twice",
		"gw_console {\n\t\tbrnd x\n\t}":                     `unknown subdirective "brnd": gw_console knows brand, export, from, path, streams, timeout`,
		"gw_console {\n\t\tbrand Two words\n\t}":            "Caddyfile:3",
		"gw_console {\n\t\tpath console\n\t}":               "ends in /",
		"gw_console {\n\t\tpath /auth/\n\t}":                "not the portal's",
		"gw_console {\n\t\tpath /a/../b/\n\t}":              "ends in /",
		"gw_console {\n\t\tfrom 10.0.0.0/8 everywhere\n\t}": "it is networks",
		"gw_console {\n\t\tfrom\n\t}":                       "Caddyfile:3",
		"gw_console {\n\t\tstreams 0\n\t}":                  "how many may be open",
		"gw_console {\n\t\tstreams 4 5\n\t}":                "how many may be open",
		"gw_console {\n\t\texport 100001\n\t}":              "it is 1 to 100000 rows",
		"gw_console {\n\t\ttimeout 10ms\n\t}":               "it is a duration of 1s to 1m",
	} {
		_, err := golden.Adapt(":8080 {\n\t" + in + "\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestUnmarshalStandsOnTheName(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_console {\n brand Acme\n}")); err != nil || h.Brand != "Acme" {
		t.Errorf("%v, %+v", err, h)
	}
}

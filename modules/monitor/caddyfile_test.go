package monitor

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestCaddyfile(t *testing.T) {
	for _, c := range []struct{ text, json, fault string }{
		{"monitor", `{}`, ""},
		{"monitor off", `{"off":true}`, ""},
		{"monitor on", "", "write `monitor off`"},
		{"monitor off twice", "", "takes nothing else"},
		{"monitor off {\n\trules x\n}", "", "takes nothing else"},
		{"monitor {\n\tnonsense\n}", "", `unknown subdirective "nonsense": monitor knows`},
	} {
		a := new(App)
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.text))
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", c.text, err)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s: %v, want %s", c.text, err, c.fault)
		case c.fault == "" && string(caddyconfig.JSON(a, nil)) != c.json:
			t.Errorf("%s: %s", c.text, caddyconfig.JSON(a, nil))
		}
	}
}

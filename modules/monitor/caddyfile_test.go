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
		{"monitor {\n\tanomaly off\n}", `{"anomaly":{"off":true}}`, ""},
		{"monitor {\n\tanomaly {\n\t\tmemory 64MiB\n\t\talert 99\n\t\tnotice 80\n\t}\n}", `{"anomaly":{"memory":67108864,"alert":99,"notice":80}}`, ""},
		{"monitor {\n\tanomaly on\n}", "", "`anomaly off`, or a block"},
		{"monitor {\n\tanomaly {\n\t\talert 0\n\t}\n}", "", "a score from 1 to 100"},
		{"monitor {\n\tanomaly {\n\t\tmemory much\n\t}\n}", "", "write a size"},
		{"monitor {\n\tanomaly {\n\t\tpoints 3\n\t}\n}", "", "anomaly knows"},
		{"monitor {\n\tanomaly off\n\tanomaly off\n}", "", "given twice"},
		{"monitor {\n\trules {\n\t\tbuilt_in off\n\t\tfolder a b\n\t\tfolder c\n\t\tdisable x\n\t\tplaceholder Admins a b*\n\t\tskip_broken\n\t\tevery 10s\n\t}\n}",
			`{"rules":{"built_in_off":true,"folders":["a","b","c"],"disable":["x"],"placeholders":{"Admins":["a","b*"]},"skip_broken":true,"every":10000000000}}`, ""},
		{"monitor {\n\trules a\n}", "", "wrong argument count"},
		{"monitor {\n\trules {\n\t\tbuilt_in on\n\t}\n}", "", "built_in off"},
		{"monitor {\n\trules {\n\t\tfolder\n\t}\n}", "", "wrong argument count"},
		{"monitor {\n\trules {\n\t\tplaceholder x\n\t}\n}", "", "wrong argument count"},
		{"monitor {\n\trules {\n\t\tplaceholder x y\n\t\tplaceholder x z\n\t}\n}", "", "given twice"},
		{"monitor {\n\trules {\n\t\tevery now\n\t}\n}", "", "no duration"},
		{"monitor {\n\trules {\n\t\tdirectory x\n\t}\n}", "", "it knows built_in"},
		{"monitor {\n\tfleet off\n}", `{"fleet":{"off":true}}`, ""},
		{"monitor {\n\tfleet {\n\t\tspool 1GiB\n\t\tlateness 1h\n\t}\n\twindows {\n\t\tmemory 64MiB\n\t}\n}", `{"windows":{"memory":67108864},"fleet":{"spool":1073741824,"lateness":3600000000000}}`, ""},
		{"monitor {\n\tfleet on\n}", "", "`fleet off`, or a block"},
		{"monitor {\n\tfleet {\n\t\tspool much\n\t}\n}", "", "write a size"},
		{"monitor {\n\tfleet {\n\t\tlateness long\n\t}\n}", "", "write a time"},
		{"monitor {\n\tfleet {\n\t\tnodes 3\n\t}\n}", "", "fleet knows"},
		{"monitor {\n\twindows {\n\t\tmemory\n\t}\n}", "", "memory"},
		{"monitor {\n\twindows {\n\t\tgroups 3\n\t}\n}", "", "windows knows"},
		{"monitor {\n\tincidents off\n\trespond propose\n}", `{"incidents":{"off":true},"respond":{"mode":"propose"}}`, ""},
		{"monitor {\n\tincidents {\n\t\tleast high\n\t\twithin 2h\n\t\tchain 30m\n\t\tkeep 30d\n\t}\n}", `{"incidents":{"least":"high","within":7200000000000,"chain":1800000000000,"keep":2592000000000000}}`, ""},
		{"monitor {\n\tincidents {\n\t\tleast huge\n\t}\n}", "", "incidents: least"},
		{"monitor {\n\tincidents {\n\t\twithin 1s\n\t}\n}", "", "it is 1m to 30d"},
		{"monitor {\n\tincidents {\n\t\tchain 7h\n\t}\n}", "", "within's time at most"},
		{"monitor {\n\tincidents {\n\t\tsize 3\n\t}\n}", "", "incidents knows"},
		{"monitor {\n\tincidents on\n}", "", "`incidents off`, or a block"},
		{"monitor {\n\trespond {\n\t\tmode automatic\n\t\tmost 20\n\t\tlasts ban 1d\n\t\trule r1 mild\n\t\trule r1 do ban 2h\n\t\trule r1 do webhook\n\t\tspare user:u1 client:192.0.2.7\n\t\twebhook {env.HOOK} {env.SECRET}\n\t}\n}",
			`{"respond":{"mode":"automatic","most":20,"lasts":{"ban":86400000000000},"rules":[{"rule":"r1","mode":"mild","do":["ban 2h","webhook"]}],` +
				`"spare":["user:u1","client:192.0.2.7"],"webhook":{"url":"{env.HOOK}","secret":"{env.SECRET}"}}}`, ""},
		{"monitor {\n\trespond wild\n}", "", `mode "wild"`},
		{"monitor {\n\trespond mild {\n\t\tmost 3\n\t}\n}", "", "write `respond MODE`, or a block"},
		{"monitor {\n\trespond {\n\t\tmost 0\n\t}\n}", "", "most"},
		{"monitor {\n\trespond {\n\t\tlasts end_sessions 1h\n\t}\n}", "", "lasts end_sessions"},
		{"monitor {\n\trespond {\n\t\tlasts ban for-ever\n\t}\n}", "", "lasts ban"},
		{"monitor {\n\trespond {\n\t\trule r1 do hang\n\t}\n}", "", `"hang" is no action`},
		{"monitor {\n\trespond {\n\t\trule r1 mild\n\t\trule r1 off\n\t}\n}", "", "write `rule ID MODE`"},
		{"monitor {\n\trespond {\n\t\tspare somebody\n\t}\n}", "", "KIND:ID"},
		{"monitor {\n\trespond {\n\t\twebhook ftp://x\n\t}\n}", "", "https://"},
		{"monitor {\n\trespond {\n\t\tmode mild\n\t\tmode off\n\t}\n}", "", "given twice"},
		{"monitor {\n\trespond {\n\t\tban everybody\n\t}\n}", "", "respond knows"},
		{"monitor {\n\tfigures off\n}", `{"figures":{"off":true}}`, ""},
		{"monitor {\n\tfigures {\n\t\tkeep 800d\n\t}\n}", `{"figures":{"keep":69120000000000000}}`, ""},
		{"monitor {\n\tfigures on\n}", "", "`figures off`, or a block"},
		{"monitor {\n\tfigures {\n\t\tkeep 1h\n\t}\n}", "", "it is 1d to 3650d"},
		{"monitor {\n\tfigures {\n\t\tkeep long\n\t}\n}", "", "it is a duration"},
		{"monitor {\n\tfigures {\n\t\tevery 1m\n\t}\n}", "", "figures knows keep"},
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

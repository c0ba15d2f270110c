package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestGrantsCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"memory 128MiB\nper_object 5000\nper_subject 200000": `{"grants":{"memory":134217728,"per_object":5000,"per_subject":200000}}`,
		"memory 1MB":             `grants memory "1MB": write a size from 1MiB to 64GiB, at Testfile:3`,
		"memory much":            `grants memory "much"`,
		"per_object 99":          `grants per_object "99": write a number from 100 to 100000000`,
		"per_object 0":           `grants per_object "0"`,
		"per_subject many":       `grants per_subject "many"`,
		"per_subject 1 2":        "wrong argument count",
		"memory":                 "wrong argument count",
		"memory 1GB\nmemory 1GB": "grants memory is given twice",
		"cache 1GB":              `unknown subdirective "cache": grants knows memory, per_object and per_subject`,
		"":                       "write memory, per_object or per_subject in its block",
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("policy {\ngrants {\n" + text + "\n}\n}"))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
	for _, bad := range []string{`{"memory": 5}`, `{"memory": -1}`, `{"per_object": -1}`, `{"per_subject": 5}`} {
		if err := load(t.TempDir(), `{"grants": `+bad+`}`); err == nil || !strings.Contains(err.Error(), "grants: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// capturedIn are the decisions that the gateway of the folder captured, now that it has stopped.
func capturedIn(t *testing.T, dir string) (all []*decisionlog.Captured) {
	t.Helper()
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := records.Files(captureFolder(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := decisionlog.ReadCaptures(f, keys, func(c *decisionlog.Captured) error { all = append(all, c); return nil }); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	return all
}

func TestWhichDecisionsAreCaptured(t *testing.T) {
	for config, want := range map[string]int{
		`{"capture":{"percent":100}}`:                            2,
		`{"capture":{"denied":true}}`:                            1,
		`{"capture":{"denied":true,"percent":100}}`:              2,
		`{"capture":{"percent":100},"decisions":"off"}`:          2,
		`{"capture":{"percent":0.0000001,"keep":7200000000000}}`: 0,
	} {
		dir := t.TempDir()
		during(t, dir, config, func(a *App) {
			a.Decide(context.Background(), &engine.Input{Permission: "public"})
			a.Decide(context.Background(), &engine.Input{Permission: "none"})
		})
		if got := capturedIn(t, dir); len(got) != want {
			t.Errorf("%s: %d captured", config, len(got))
		}
	}
	for config, want := range map[string]string{
		`{"capture":{"percent":101}}`:   "above 0% and at most 100%",
		`{"capture":{"keep":1}}`:        "1h to 366d",
		`{"capture":{"max_size":1000}}`: "at least 1MiB",
	} {
		if err := load(t.TempDir(), config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// A decision after a reload is captured by the same writer.
func TestCaptureOverAReload(t *testing.T) {
	dir := t.TempDir()
	const config = `{"capture":{"percent":100}}`
	if err := load(dir, config); err != nil {
		t.Fatal(err)
	}
	running(t).Decide(context.Background(), &engine.Input{Permission: "public", RequestID: "first"})
	during(t, dir, `{"capture":{"percent":100},"timeout":1000000000}`, func(a *App) {
		a.Decide(context.Background(), &engine.Input{Permission: "public", RequestID: "second"})
	})
	got := capturedIn(t, dir)
	if len(got) != 2 || got[0].RequestID != "first" || got[1].RequestID != "second" {
		t.Error(got)
	}
}

func TestCaptureCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"capture":                          `{"capture":{}}`,
		"capture {\n}":                     `{"capture":{}}`,
		"capture {\nsample all\n}":         `{"capture":{"percent":100}}`,
		"capture {\nsample denied 2.5%\n}": `{"capture":{"denied":true,"percent":2.5}}`,
		"capture {\nsample 1%\nkeep 3d\nmax_size 1GiB\n}\ntimeout 1s": `{"timeout":1000000000,"capture":{"percent":1,"keep":259200000000000,"max_size":1073741824}}`,
		"capture all":                        "wrong argument count",
		"capture {\nnonsense 1\n}":           "it knows sample, keep and max_size, at Testfile:3",
		"capture {\nsample\n}":               "wrong argument count",
		"capture {\nsample some\n}":          "all, denied, or a percentage",
		"capture {\nsample 0%\n}":            "percentage",
		"capture {\nsample NaN%\n}":          "percentage",
		"capture {\nsample all 5%\n}":        "percentage",
		"capture {\nsample denied denied\n}": "percentage",
		"capture {\nkeep 1m\n}":              "at least 1h",
		"capture {\nkeep 9000d\n}":           "366d",
		"capture {\nkeep 1d 2d\n}":           "wrong argument count",
		"capture {\nkeep 1d\nkeep 1d\n}":     "twice",
		"capture {\nmax_size 1KiB\n}":        "at least 1MiB",
		"capture {\nkeep 1d {\nx\n}\n}":      "takes no block",
		"capture {\n}\ncapture {\n}":         "twice",
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("policy {\n" + text + "\n}"))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
}

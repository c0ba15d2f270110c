package gateway

import (
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/view"
)

// The settings of a running gateway are shown with what is default, and with no secret of theirs.
func TestSettingsView(t *testing.T) {
	dir := t.TempDir()
	const secret = "the-secret-of-the-webhook"
	config := map[string]any{
		"admin": map[string]any{"disabled": true},
		"apps": map[string]any{
			"gateway": map[string]any{
				"data_dir": filepath.Join(dir, "data"),
				"events":   map[string]any{"outputs": map[string]any{"siem": map[string]any{"kind": "webhook", "to": "https://127.0.0.1:1/hook", "secret": secret, "headers": map[string]any{"Authorization": "Bearer " + secret}}}},
			},
			"http": map[string]any{"servers": map[string]any{"main": map[string]any{
				"listen": []string{"127.0.0.1:0"}, "automatic_https": map[string]any{"disable": true},
				"routes": []any{map[string]any{"handle": []any{map[string]any{"handler": "static_response", "body": "hello"}}}},
			}}},
		},
	}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(raw, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	app, err := host.App[*App](caddy.ActiveContext(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	v, ok := app.Ground().Views.Get("settings")
	if !ok || v.Permission != view.Admin {
		t.Fatal("the view of settings is not there, or everybody may see it")
	}
	rows := func(query string) view.Page {
		t.Helper()
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := v.Ask(values, view.Person{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		page, err := v.Rows(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	has := func(page view.Page, setting, value string) {
		t.Helper()
		for _, r := range page.Rows {
			if r.Cells[1] == setting && r.Cells[2] == value {
				return
			}
		}
		t.Errorf("%s is not said to be %s: %v", setting, value, page.Rows)
	}
	gateway := rows("part=app+gateway&limit=1000")
	has(gateway, "events.log.keep", "2160h0m0s")
	has(gateway, "file_modes", "refuse")
	has(gateway, "data_keys.master.type", "keyring")
	has(gateway, "events.outputs.siem.secret", "removed")
	has(rows("part=static_response"), "body", "hello")
	all := rows("limit=1000")
	if text, _ := json.Marshal(all); strings.Contains(string(text), secret) {
		t.Error("a secret is shown")
	}

	var paged []view.Row
	for next := ""; ; {
		page := rows("limit=7&after=" + next)
		paged = append(paged, page.Rows...)
		if next = page.Next; next == "" {
			break
		}
	}
	if len(paged) != all.Total || all.Total != len(all.Rows) {
		t.Errorf("%d settings by pages, %d at once, %d in all", len(paged), len(all.Rows), all.Total)
	}
	panels, err := v.Panels(t.Context(), view.Query{})
	if err != nil || len(panels) != 1 || len(panels[0].Table.Rows) != 1 {
		t.Errorf("sites: %+v, %v", panels, err)
	}
	item, err := v.Item(t.Context(), gateway.Rows[0].ID)
	if text, _ := json.Marshal(item); err != nil || item.Title != "app gateway" || strings.Contains(string(text), secret) {
		t.Errorf("%+v, %v", item, err)
	}
	if _, err := v.Item(t.Context(), "app-none"); !errors.Is(err, view.ErrNotFound) {
		t.Errorf("an item of nothing: %v", err)
	}
}

// While nothing is in force, that is the answer.
func TestSettingsViewOfNothing(t *testing.T) {
	v := settingsView(func() (inforce.Gateway, error) { return inforce.Gateway{}, host.ErrNotRunning })
	if _, err := v.Rows(t.Context(), view.Query{Limit: 1}); !errors.Is(err, host.ErrNotRunning) {
		t.Fatal(err)
	}
}

package monitor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	_ "github.com/convosphere/gateway/modules/gateway"
	_ "github.com/convosphere/gateway/modules/identity"
	"github.com/convosphere/gateway/modules/internal/mailtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/test/stop"
)

func TestAlertCaddyfile(t *testing.T) {
	for _, c := range []struct{ text, json, fault string }{
		{"channel ops slack {env.SLACK} {\n level medium\n quiet 22:00-07:00 Europe/Berlin\n}\n channel lead mail a@example.org b@example.org {\n later\n server smtp://mail.example.org\n from gw@example.org\n login u {env.P}\n}\n" +
			"group rule\n wait 1m\n interval 10m\n escalate 15m lead\n escalate 1h lead ops\n quiet 20:00-06:00 UTC\n closed\n give_up 12h\n link https://gw.example/console/",
			`{"alerts":{"channels":[{"name":"ops","kind":"slack","to":["{env.SLACK}"],"level":"medium","quiet":{"hours":"22:00-07:00","zone":"Europe/Berlin"}},` +
				`{"name":"lead","kind":"mail","to":["a@example.org","b@example.org"],"later":true,"server":"smtp://mail.example.org","from":"gw@example.org","username":"u","password":"{env.P}"}],` +
				`"group":"rule","wait":60000000000,"interval":600000000000,"escalate":[{"after":900000000000,"channels":["lead"]},{"after":3600000000000,"channels":["lead","ops"]}],` +
				`"quiet":{"hours":"20:00-06:00","zone":"UTC"},"closed":true,"give_up":43200000000000,"link":"https://gw.example/console/"}}`, ""},
		{"channel x pigeon coop", "", "no kind"},
		{"channel x slack", "", "channel NAME"},
		{"channel x slack https://a https://b", "", "only mail"},
		{"channel X slack https://a", "", "a-z"},
		{"channel x slack https://a {\n secret s\n}", "", "secret goes with webhook"},
		{"channel x slack https://a {\n colour red\n}", "", "channel knows"},
		{"channel x slack https://a\n channel x slack https://a", "", "twice"},
		{"channel x mail a@b.c {\n server smtp://h\n}", "", "go together"},
		{"quiet 22-7 UTC", "", "22:00-07:00"},
		{"quiet 22:00-07:00", "", "Europe/Berlin"},
		{"wait long", "", "as 5m"},
		{"escalate 15m", "", "escalate 15m CHANNEL"},
		{"colour red", "", "alert knows"},
		{"closed now", "", "argument"},
	} {
		a := new(App)
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("monitor {\n alert {\n " + c.text + "\n }\n}"))
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

// chat is a receiver of webhooks.
type chat struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newChat(t *testing.T) *chat {
	c := new(chat)
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bodies = append(c.bodies, fmt.Sprint(body))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *chat) wait(t *testing.T, what string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c.mu.Lock()
		all := strings.Join(c.bodies, "\n")
		c.mu.Unlock()
		if strings.Contains(all, what) {
			return
		}
	}
	t.Fatalf("%q did not come: %v", what, c.bodies)
}

func loadMonitor(t *testing.T, dir string, monitor, identity map[string]any) (*App, error) {
	t.Helper()
	raw := caddyconfig.JSON(map[string]any{
		"admin": map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"apps":  map[string]any{"gateway": map[string]any{"data_dir": dir, "monitor": monitor, "identity": identity}},
	}, nil)
	if err := caddy.Load(raw, true); err != nil {
		return nil, err
	}
	a, err := caddy.ActiveContext().App("gw_monitor")
	if err != nil {
		t.Fatal(err)
	}
	return a.(*App), nil
}

func aFinding(id string) *finding.Finding {
	now := time.Now()
	return &finding.Finding{
		ID: id, Kind: finding.Match, Rule: "r", Title: "Password spraying " + id, Level: finding.High, First: now, Last: now, Count: 1,
		Subjects: []finding.Subject{{Kind: finding.Account, ID: "ACC" + id}},
	}
}

// A finding is an incident, of which people are told by all that is configured, also by the mail server that accounts use; what can't be told waits, over reloads, to be retried.
func TestPeopleAreTold(t *testing.T) {
	dir, c := t.TempDir(), newChat(t)
	stop.After(t)
	post, _ := mailtest.Start(t)
	identity := map[string]any{"mail": map[string]any{"server": "smtp://" + post.Addr, "from": "gw@example.org", "ca": post.CA}, "public_url": "https://gw.example"}
	channels := []map[string]any{{"name": "ops", "kind": "slack", "to": []string{c.URL}}, {"name": "mail", "kind": "mail", "to": []string{"ops@example.org"}}}
	config := map[string]any{"alerts": map[string]any{"channels": channels, "wait": 1, "interval": 1}, "respond": map[string]any{"mode": "off"}}
	a, err := loadMonitor(t, dir, config, identity)
	if err != nil {
		t.Fatal(err)
	}
	a.take(t.Context(), aFinding("1"))
	c.wait(t, "Password spraying 1")
	if m := post.Wait(t, 1); m.Subject != "[high] Password spraying 1" {
		t.Fatal(m.Subject)
	}

	for _, bad := range []map[string]any{
		{"alerts": map[string]any{"channels": []map[string]any{{"name": "x", "kind": "slack", "to": []string{"nonsense"}}}}},
		{"alerts": map[string]any{"channels": channels, "escalate": []map[string]any{{"after": 1, "channels": []string{"nobody"}}}}},
		{"alerts": map[string]any{"channels": channels}, "incidents": map[string]any{"off": true}},
		{"alerts": map[string]any{"channels": channels, "link": "nonsense"}},
		{"alerts": map[string]any{"channels": []map[string]any{{"name": "x", "kind": "webhook", "to": []string{"{env.GW_TEST_IS_NOT_SET}"}}}}},
	} {
		if _, err := loadMonitor(t, dir, bad, identity); err == nil {
			t.Fatalf("%v was loaded", bad)
		}
	}
	a.take(t.Context(), aFinding("2"))
	c.wait(t, "Password spraying 2")

	other := newChat(t)
	channels[0]["to"] = []string{other.URL}
	if a, err = loadMonitor(t, dir, config, identity); err != nil {
		t.Fatal(err)
	}
	a.take(t.Context(), aFinding("3"))
	other.wait(t, "Password spraying 3")
	if err := a.alerts.Test(t.Context(), "ops"); err != nil {
		t.Fatal(err)
	}
	other.wait(t, "This is a test")
	if _, err := loadMonitor(t, dir, config, map[string]any{}); err == nil || !strings.Contains(err.Error(), "mail server") {
		t.Fatal("mail without a server was loaded")
	}
}

// What happened to people is told in events by channel and incident, never by address or secret.
func TestAlertEventsHoldNoAddress(t *testing.T) {
	dir, c := t.TempDir(), newChat(t)
	stop.After(t)
	a, err := loadMonitor(t, dir, map[string]any{
		"alerts": map[string]any{"channels": []map[string]any{{"name": "ops", "kind": "webhook", "to": []string{c.URL + "/SECRET-PATH"}, "secret": "SECRET-KEY"}}, "wait": 1}, "respond": map[string]any{"mode": "off"},
	}, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	a.take(t.Context(), aFinding("1"))
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
		if err == nil && strings.Contains(string(raw), `"alert-sent"`) {
			if strings.Contains(string(raw), "SECRET") || !strings.Contains(string(raw), `"gateway.alert.channel":"ops"`) {
				t.Fatal(string(raw))
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("no event says that people were told")
		}
	}
}

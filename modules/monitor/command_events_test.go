package monitor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/test/stop"
)

// eventsCommand runs `convosphere events …`, which prints to out.
func eventsCommand(out io.Writer, stdin string, args ...string) error {
	cmd := &cobra.Command{Use: "events", SilenceUsage: true, SilenceErrors: true}
	caddycmd.Commands()["events"].CobraFunc(cmd)
	cmd.SetOut(out)
	cmd.SetErr(out)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetArgs(args)
	return cmd.Execute()
}

// loadWithSocket is a gateway with an admin socket.
func loadWithSocket(t *testing.T) (a *App, socket string) {
	t.Helper()
	stop.After(t)
	dir := t.TempDir()
	socket = "unix/" + filepath.Join(dir, "admin.sock")
	raw := caddyconfig.JSON(map[string]any{
		"admin": map[string]any{"listen": socket, "config": map[string]any{"persist": false}}, "apps": map[string]any{"gateway": map[string]any{"data_dir": dir}},
	}, nil)
	if err := caddy.Load(raw, true); err != nil {
		t.Fatal(err)
	}
	app, err := caddy.ActiveContext().App("gw_monitor")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*App), socket
}

// A terminal is enough: what was, by the same filters as in the console, for people and for programs. Nothing that a client sent speaks to the terminal.
func TestEventsQueryCommand(t *testing.T) {
	a, socket := loadWithSocket(t)
	strange := request("192.0.2.7", 403, zap.String("gateway.problem", "forbidden"))
	strange.Path = "/\x1b]0;evil\x07"
	told(t, a, request("198.51.100.4", 200), strange)
	query := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if err := eventsCommand(&out, "", append([]string{"query", "--address", socket}, args...)...); err != nil {
			t.Fatal(args, err)
		}
		return out.String()
	}
	all := query("--category", "web")
	if strings.Count(all, "\n") != 2 || !strings.Contains(all, "refused by policy") || strings.Index(all, "198.51.100.4") > strings.Index(all, "192.0.2.7") || strings.ContainsAny(all, "\x1b\x07") {
		t.Errorf("%q", all)
	}
	if got := query("--client", "192.0.2.0/24", "--json"); strings.Count(got, "\n") != 1 || !json.Valid([]byte(got)) {
		t.Errorf("%q", got)
	}
	if got := query("--category", "web", "--csv"); strings.Count(got, "\n") != 3 || !strings.HasPrefix(got, "time,level,action,") {
		t.Errorf("%q", got)
	}
	if got := query("--category", "web", "-n", "1"); strings.Count(got, "\n") != 1 || !strings.Contains(got, "192.0.2.7") {
		t.Errorf("%q", got)
	}
	if got := query("--client", "203.0.113.9", "--json"); got != "no event matches\n" { // on standard error
		t.Errorf("%q", got)
	}
	for _, args := range [][]string{
		{"query", "--address", socket, "--client", "everybody"}, {"query", "--address", socket, "-n", "0"}, {"query", "--address", socket, "--colour", "red"}, {"query", "--address", "unix//nowhere"},
		{"tail", "--address", socket, "--level", "worst"}, {"tail", "--address", "unix//nowhere"}, {"query", "--json", "--csv"}, {"query", "no such file"},
	} {
		if err := eventsCommand(io.Discard, "", args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

// Events of files are found as those of a gateway are.
func TestEventsQueryFiles(t *testing.T) {
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, `{"@timestamp":"2020-01-01T00:00:%02d.000000Z","event.id":"E%d","event.action":"login","event.outcome":"%s","source.ip":"192.0.2.%d"}`+"\n", i%60, i, []string{"success", "failure"}[i%2], i%10)
	}
	text.WriteString("no event\n")
	file := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		lines int
		has   string
	}{
		{[]string{file, "--client", "192.0.2.3", "-n", "1000"}, 51, "1 lines are no events"}, {[]string{file}, 101, ""}, {[]string{file, "--outcome", "success", "--client", "192.0.2.3"}, 2, "no event matches"},
		{[]string{"-", "--since", "2019-01-01", "--until", "2020-01-01T00:00:01Z", "-n", "1000"}, 10, ""}, {[]string{file, "--json", "-n", "3"}, 4, `"id":"E499"`},
	} {
		var out bytes.Buffer
		if err := eventsCommand(&out, text.String(), append([]string{"query"}, c.args...)...); err != nil {
			t.Fatal(c.args, err)
		}
		if got := out.String(); strings.Count(got, "\n") != c.lines || !strings.Contains(got, c.has) {
			t.Errorf("%v: %d lines: %.300s", c.args, strings.Count(got, "\n"), got)
		}
	}
}

// written is what a command has written so far.
type written struct {
	mu   sync.Mutex
	text strings.Builder
	full int // bytes that it takes
}

// Write implements io.Writer.
func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text.Len() > w.full {
		return 0, io.ErrShortWrite // as a pipe whose reader has gone
	}
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// What comes is shown while it comes, those that were first; it ends with whoever reads it.
func TestEventsTailCommand(t *testing.T) {
	a, socket := loadWithSocket(t)
	told(t, a, request("192.0.2.1", 200))
	out, ended := &written{full: 600}, make(chan error, 1)
	go func() {
		ended <- eventsCommand(out, "", "tail", "--address", socket, "--client", "192.0.2.0/24", "--json", "-n", "1")
	}()
	end := time.Now().Add(time.Minute)
	for out.String() == "" && time.Now().Before(end) {
		time.Sleep(time.Millisecond)
	}
	for ; ; time.Sleep(10 * time.Millisecond) {
		told(t, a, request("198.51.100.4", 200), request("192.0.2.9", 200))
		select {
		case err := <-ended:
			got := out.String()
			if err == nil || !strings.Contains(got, "192.0.2.1\"") || strings.Contains(got, "198.51") || strings.Count(got, "192.0.2.9") < 2 {
				t.Errorf("%q, %v", got, err)
			}
			return
		default:
			if time.Now().After(end) {
				t.Fatalf("it shows %q", out)
			}
		}
	}
}

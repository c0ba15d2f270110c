package health

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func run(args ...string) (string, error) {
	cmd := &cobra.Command{Use: "health"}
	command(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestCommand(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
	}{
		"/ready":    {200, `{"ready":true,"status":"degraded","parts":[{"part":"store","state":"degraded","reason":"away"}]}`},
		"/bare":     {200, `{"ready":true,"status":"ready"}`},
		"/down":     {503, `{"ready":false,"status":"shutting down"}`},
		"/other":    {200, `<html>`},
		"/lies":     {200, `{"ready":false,"status":"not ready"}`},
		"/redirect": {302, ``},
		"/missing":  {404, `{"status":"x"}`},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[r.URL.Path]
		if a.status == 302 {
			w.Header().Set("Location", "/ready")
		}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}))
	defer s.Close()
	for path, want := range map[string]struct{ out, err string }{
		"/ready": {"store  degraded  away", ""}, "/bare": {"ready", ""}, "/down": {"shutting down", "not ready"}, "/other": {"", "not one of gw_health"},
		"/lies": {"not ready", "not ready"}, "/redirect": {"", "302"}, "/missing": {"", "404"},
	} {
		out, err := run("--url", s.URL+path)
		if !strings.Contains(out, want.out) || (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%s: %q %v", path, out, err)
		}
	}
	if out, err := run("--url", s.URL+"/ready", "--quiet"); err != nil || out != "" {
		t.Errorf("--quiet: %q %v", out, err)
	}
	if out, err := run("--url", s.URL+"/ready", "--json"); err != nil || !strings.Contains(out, `"state": "degraded"`) {
		t.Errorf("--json: %q %v", out, err)
	}
}

func TestCommandWithoutAnAnswer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	for _, args := range [][]string{{"--url", s.URL}, {"--url", "127.0.0.1:9180/readyz"}, {"--url", "file:///etc/passwd"}, {"--address", strings.TrimPrefix(s.URL, "http://")}, {"extra"}} {
		if out, err := run(args...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
}

// A site with a certificate of one's own authority is asked when that authority is named, and by its right name alone.
func TestCommandWithAnAuthorityOfOnesOwn(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ready":true,"status":"ready"}`))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	write := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	if out, err := run("--url", s.URL, "--ca", ca); err != nil || !strings.Contains(out, "ready") {
		t.Errorf("%q %v", out, err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--url", s.URL}, "certificate"},
		{[]string{"--url", strings.Replace(s.URL, "127.0.0.1", "localhost", 1), "--ca", ca}, "not localhost"},
		{[]string{"--url", s.URL, "--ca", filepath.Join(dir, "none")}, "--ca: open"},
		{[]string{"--url", s.URL, "--ca", write("text", []byte("no certificate"))}, "holds no certificate"},
		{[]string{"--url", s.URL, "--ca", write("large", make([]byte, 5<<20))}, "over 4 MiB"},
		{[]string{"--url", "http://127.0.0.1:1/", "--ca", ca}, "--ca goes with"},
		{[]string{"--ca", ca}, "--ca goes with"},
	} {
		if out, err := run(c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %q %v, want %q", c.args, out, err, c.want)
		}
	}
}

package ratelimit

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

// command runs `convosphere limit args…` against an admin endpoint with our routes.
func command(t testing.TB, args ...string) (string, error) {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (admin{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handler.ServeHTTP(w, r); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
			}
		})
	}
	s := httptest.NewServer(mux)
	defer s.Close()
	cmd := &cobra.Command{Use: "limit", SilenceUsage: true, SilenceErrors: true}
	limitCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append(args, "--address", s.Listener.Addr().String()))
	err := cmd.Execute()
	return out.String(), err
}

func TestInspectCommands(t *testing.T) {
	if _, err := command(t, "top"); err == nil || !strings.Contains(err.Error(), "no gw_rate_limit is running") {
		t.Errorf("nothing runs: %v", err)
	}
	h := mustLoad(t, `gw_rate_limit {
		defaults off
		zone client {
			rate 1/1h
			burst 3
		}
		zone user {
			key user
			rate 1/1h
			burst 10
			shadow
		}
		zone none {
			match /never
			rate 0/1m
		}
	}`, store.NewMemory(0))
	if out, err := command(t, "top"); err != nil || out != "nobody was refused lately\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := command(t, "top", "--json"); err != nil || strings.TrimSpace(out) != `{"top":[]}` {
		t.Errorf("%v\n%s", err, out)
	}
	for range 20 {
		ask(t, h, "GET /a", "192.0.2.1", "17")
	}
	out, err := command(t, "status", "client=192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"client", "3 at once, one each 1h0m0s", "client=192.0.2.1", "user (shadow)", "never", "s\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out, err = command(t, "status", "user=17", "--json"); err != nil || !strings.Contains(out, `"remaining":7`) || !strings.Contains(out, `"unknown":"client= is not given"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = command(t, "top"); err != nil || !strings.Contains(out, "17") || !strings.Contains(out, "client=192.0.2.1") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = command(t, "top", "--by", "spent", "--json", "--zone", "user"); err != nil || !strings.HasPrefix(out, `{"top":[`) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"status"}, {"status", "client"}, {"status", "client=nobody"}, {"top", "--by", "name"}, {"top", "-n", "0"}, {"top", "x"}} {
		if out, err := command(t, args...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
}

// A store that is away is said once, whatever the number of zones, and is an error.
func TestStatusWithoutTheStore(t *testing.T) {
	s := redistest.Start(t)
	mustLoad(t, "gw_rate_limit", openRedis(t, s))
	if out, err := command(t, "status", "client=192.0.2.1"); err != nil || !strings.Contains(out, "client=192.0.2.1") {
		t.Fatal(out, err)
	}
	s.Kill()
	for _, more := range [][]string{nil, {"--json"}} {
		out, err := command(t, append([]string{"status", "client=192.0.2.1"}, more...)...)
		if err == nil || strings.Count(err.Error(), "could not be asked: ") != 1 || !strings.Contains(err.Error(), "client, ") {
			t.Errorf("%v: %v\n%s", more, err, out)
		}
		if more == nil && out != "" {
			t.Errorf("in place of a table: %s", out)
		}
	}
}

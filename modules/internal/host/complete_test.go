package host

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// completed is what the shell is offered for these words.
func completed(t *testing.T, h Help, args ...string) []string {
	t.Helper()
	top := &cobra.Command{Use: "convosphere"}
	cmd := &cobra.Command{Use: "thing"}
	var admin Admin
	show := &cobra.Command{Use: "show ID", Short: "Shows it", RunE: func(*cobra.Command, []string) error { return nil }}
	show.Flags().String("zone", "", "Which")
	show.Flags().String("data", "", "Where")
	admin.Register(show)
	cmd.AddCommand(show)
	Describe(cmd, map[string]Help{"show": h})
	top.AddCommand(cmd)
	var out bytes.Buffer
	top.SetOut(&out)
	top.SetArgs(append([]string{cobra.ShellCompRequestCmd, "thing", "show"}, args...))
	if err := top.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1] // the last is for the shell
}

// gatewayAt answers on a socket in a folder, as a gateway's admin endpoint does.
func gatewayAt(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: serve, ReadHeaderTimeout: time.Minute}}
	s.Start()
	t.Cleanup(s.Close)
	return dir
}

func TestCompletionAsksTheGateway(t *testing.T) {
	dir := gatewayAt(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/gateway/views/incidents" || r.URL.Query().Get("limit") == "" {
			http.Error(w, r.URL.String(), http.StatusNotFound)
			return
		}
		// What would reach the terminal or the shell as more than a word is left out.
		_, _ = w.Write([]byte(`{"rows":[{"id":"I1","title":"Guess\u001b[2Jing"},{"id":"I2"},{"id":"bad word"},{"id":"bad\u001b"},{"id":["J1","I1"]},{"id":7}]}`))
	})
	h := Help{Args: []Words{Rows("incidents", "id", "title"), Choice("true", "false")}, Flags: map[string]Words{"zone": Choice("login", "client").And(Rows("incidents", "id", ""))}}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", dir, ""}, "I1\tGuess\\x1b[2Jing,I2,J1"},
		{[]string{"--address", "unix/" + filepath.Join(dir, "admin.sock"), "I2"}, "I2"},
		{[]string{"--data", dir, "I1", ""}, "true,false"},
		{[]string{"--data", dir, "I1", "true", ""}, "false"}, // the last place stands for those after it, each word once
		{[]string{"--data", dir, "--zone", ""}, "login,client,I1,I2,J1"},
		{[]string{"--data", t.TempDir(), ""}, ""},
	} {
		if got := strings.Join(completed(t, h, c.args...), ","); got != c.want {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
}

// A gateway that hangs doesn't hang the shell: the request ends by itself.
func TestCompletionWaitsAMomentAlone(t *testing.T) {
	gone := make(chan struct{})
	dir := gatewayAt(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(gone)
	})
	if got := completed(t, Help{Args: []Words{Rows("incidents", "id", "")}}, "--data", dir, ""); len(got) != 0 {
		t.Errorf("offered %q", got)
	}
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Error("the request goes on")
	}
}

func TestDescribe(t *testing.T) {
	cmd := &cobra.Command{Use: "thing"}
	add := &cobra.Command{Use: "add", Short: "Adds one"}
	cmd.AddCommand(add)
	Describe(cmd, map[string]Help{"": {Example: "convosphere thing add"}, "add": {Example: "\nconvosphere thing add a\n\tconvosphere thing add b\n"}})
	if add.Long != "Adds one." || add.Example != "  convosphere thing add a\n  convosphere thing add b" || cmd.Example != "  convosphere thing add" {
		t.Errorf("%q %q %q", add.Long, add.Example, cmd.Example)
	}
	for name, helps := range map[string]map[string]Help{"command": {"drop": {}}, "flag": {"add": {Flags: map[string]Words{"none": Files()}}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("help for a %s that there is not", name)
				}
			}()
			Describe(cmd, helps)
		}()
	}
	if words, directive := Files().complete(cmd, nil, ""); len(words) != 0 || directive != cobra.ShellCompDirectiveDefault {
		t.Errorf("%q %v", words, directive)
	}
}

package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

// adminAddress serves the admin API of the running app as Caddy does.
func adminAddress(t testing.TB) string {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (admin{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			if err == nil {
				return
			}
			status := http.StatusInternalServerError
			var api caddy.APIError
			if errors.As(err, &api) {
				status = api.HTTPStatus
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// granting gives `convosphere grant` with that gateway.
func granting(t testing.TB) func(stdin string, args ...string) (string, error) {
	address := adminAddress(t)
	return func(stdin string, args ...string) (string, error) {
		cmd := &cobra.Command{Use: "grant", SilenceUsage: true, SilenceErrors: true}
		grantCommand(cmd)
		var out bytes.Buffer
		cmd.SetIn(strings.NewReader(stdin))
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append(args, "--address", address))
		err := cmd.Execute()
		return out.String(), err
	}
}

func TestGrantCommand(t *testing.T) {
	a := start(t, `{}`)
	account(t, a, "ursula")
	account(t, a, "petra")
	run := granting(t)
	must := func(stdin string, args ...string) string {
		t.Helper()
		out, err := run(stdin, args...)
		if err != nil {
			t.Fatalf("grant %v: %v", args, err)
		}
		return out
	}
	must("", "add", "ursula", "owner", "room:a")
	must("", "add", "*", "viewer", "room:a", "--for", "1h")
	must("", "add", "petra", "member", "room:a", "--until", "2999-12-31T18:00:00+01:00")
	must("", "add", "room:a", "parent", "file:1")
	must("", "add", "ursual", "owner", "room:z", "--unknown")
	if got := must("", "check", "ursula", "file:1"); got != "file:1: none\nin room:a: owner, viewer\n" {
		t.Error(got)
	}
	if got := must("", "check", "ursula", "room:a", "owner"); got != "room:a: owner, viewer\n" {
		t.Error(got)
	}
	if got := must("", "check", "ursula", "room:a", "--json"); got != `{"relations":["owner","viewer"]}`+"\n" {
		t.Error(got)
	}
	for _, args := range [][]string{{"check", "petra", "room:a", "owner"}, {"check", "petra", "room:q"}} {
		if _, err := run("", args...); err == nil || err.Error() != fmt.Sprint("exiting with status ", host.ExitFound) {
			t.Errorf("%v: %v", args, err)
		}
	}
	list := must("", "list", "--object", "room:a")
	for _, want := range []string{"SUBJECT", "ursula   owner     room:a  -  ", "petra    member    room:a  29", "*        viewer    room:a  20"} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not in\n%s", want, list)
		}
	}
	if got := must("", "list", "--limit", "2", "--json"); strings.Count(got, "\n") != 2 {
		t.Error(got)
	}
	// What is listed can be imported again, and that twice.
	all := must("", "list", "--json")
	if n := strings.Count(all, "\n"); n != 5 {
		t.Fatal(all)
	}
	must("", "rm", "--subject", "ursula")
	must("", "rm", "petra", "member", "room:a")
	must("", "rm", "--object", "room:a", "--relation", "viewer")
	if got := must("", "list", "--json"); strings.Count(got, "\n") != 2 {
		t.Error(got)
	}
	for range 2 {
		if got := must(all, "import", "-", "--unknown"); got != "5 imported\n" {
			t.Error(got)
		}
	}
	if got := must("", "list", "--json"); granted(t, got) != granted(t, all) {
		t.Error(got)
	}
	for line, want := range map[string]string{
		"add ursula owner room":                                         "type:id",
		"add ursula owner":                                              "OBJECT is missing",
		"add ursual owner room:a":                                       `the gateway refuses: no account is called "ursual"`,
		"add ursula owner room:a --for 0s":                              "above zero",
		"add ursula owner room:a --for -1h":                             "above zero",
		"add ursula owner room:a --until soon":                          "write a time",
		"add ursula owner room:a --until 2020-01-01T00:00:00Z":          "ended before",
		"add ursula owner room:a --for 1h --until 2999-01-01T00:00:00Z": "none of the others can be",
		"rm":                                  "name a grant",
		"rm ursula owner":                     "name a grant",
		"rm --relation owner":                 "name a grant",
		"rm ursula owner room:a --object x:y": "name a grant",
		"check ursula":                        "OBJECT is missing",
		"check Ursula room:a":                 "user name",
		"list --limit -1":                     "from 0 on",
		"list x":                              "it takes no argument",
		"import /nowhere/at/all":              "no such file",
	} {
		if _, err := run("", strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if _, err := run("", "rm", "", "owner", "room:a"); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Error("a slip of the shell would remove everybody's:", err)
	}
}

// granted is what was listed, without since when.
func granted(t *testing.T, list string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(list) {
		g, err := readImported([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(raw))
	}
	return strings.Join(lines, "\n")
}

func TestGrantImport(t *testing.T) {
	a := start(t, `{}`)
	account(t, a, "ursula")
	run := granting(t)
	var lines strings.Builder
	for i := range 2*importBatch + 10 {
		fmt.Fprintf(&lines, `{"subject": "ursula", "relation": "member", "object": "room:%d"}`+"\n\n", i)
	}
	name := filepath.Join(t.TempDir(), "grants.jsonl")
	if err := os.WriteFile(name, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run("", "import", name); err != nil || out != fmt.Sprintln(2*importBatch+10, "imported") {
		t.Fatal(out, err)
	}
	// And removed again, more than a page of them.
	if out, err := run("", "rm", "--subject", "ursula", "--type", "room"); err != nil || out != fmt.Sprintln(2*importBatch+10, "removed") {
		t.Fatal(out, err)
	}
	good := `{"subject": "ursula", "relation": "member", "object": "room:a"}` + "\n"
	for bad, want := range map[string]string{
		`{"subject": "ursula"`: "line 2: unexpected EOF", `{"subject": "ursula", "relation": "member", "objekt": "room:a"}`: "line 2: json: unknown field", good[:len(good)-1] + good: "line 2: something follows",
		`{"subject": "nobody", "relation": "member", "object": "room:a"}`: "lines 1 to 2: the gateway refuses: no account", `{"x": "` + strings.Repeat("x", mostImportLine) + `"}`: "after line 1: bufio.Scanner: token too long",
	} {
		if _, err := run(good+bad, "import", "-"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", bad, err, want)
		}
	}
	if out, err := run(good+"x", "import", "-"); err == nil || out != "1 imported\n" {
		t.Error("what stands before the error is not in:", out, err)
	}
}

func FuzzImportedGrant(f *testing.F) {
	f.Add([]byte(`{"subject": "ursula", "relation": "owner", "object": "room:a", "expires": "2030-01-01T00:00:00Z", "since": "2029-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		g, err := readImported(line)
		if err != nil {
			return
		}
		raw, err := json.Marshal(g)
		if err != nil {
			return // a year that JSON does not have
		}
		if again, err := readImported(raw); err != nil || again.Object != g.Object || again.Subject != g.Subject || again.Since != nil {
			t.Fatalf("%+v %+v %v", g, again, err)
		}
	})
}

package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/policy/author"
)

// tool runs `policy` with the arguments and standard input, and returns the exit code as well.
func tool(t *testing.T, stdin string, args ...string) (code int, out string) {
	t.Helper()
	return toolUntil(t, context.Background(), new(safeBuffer), stdin, args...)
}

func toolUntil(t *testing.T, ctx context.Context, out *safeBuffer, stdin string, args ...string) (int, string) {
	t.Helper()
	cmd := &cobra.Command{Use: "policy", SilenceUsage: true, SilenceErrors: true}
	policyCommand(cmd)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(out)
	cmd.SetErr(out)
	cmd.SetArgs(args)
	switch err := cmd.ExecuteContext(ctx); {
	case err == nil:
		return 0, out.String()
	case err.Error() == "exiting with status 3": // Caddy's error with the code is not exported
		return 3, out.String()
	default:
		return 1, out.String() + "Error: " + err.Error()
	}
}

// begun is a folder with the starting policy.
func begun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mine")
	if code, out := tool(t, "", "new", dir); code != 0 || !strings.Contains(out, "policy test --coverage") {
		t.Fatalf("%d: %s", code, out)
	}
	return dir
}

func edit(t *testing.T, name, old, new string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(raw), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in\n%s", w, out)
		}
	}
}

// The starting policy holds to all commands, and each finds what is broken in it.
func TestAuthorsCommands(t *testing.T) {
	dir := begun(t)
	policy, module := filepath.Join(dir, "policy"), filepath.Join(dir, "policy", "policy.rego")
	if code, out := tool(t, "", "check", policy); code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	if code, out := tool(t, "", "fmt", "--check", dir); code != 0 || out != "" {
		t.Errorf("%d: %s", code, out)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "Caddyfile")); err != nil || string(caddyfile.Format(raw)) != string(raw) {
		t.Errorf("the Caddyfile is not formatted: %v\n%s", err, caddyfile.Format(raw))
	}
	code, out := tool(t, "", "test", "--threshold", "100", policy)
	if code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, " 0 failed", "100.0% of the policy is covered")
	code, out = tool(t, "", "bench", "--time", "5ms", "-p", policy, filepath.Join(dir, "inputs", "owner-reads.json"), filepath.Join(dir, "inputs", "stranger-deletes.json"))
	if code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "p50", "allocs", "owner-reads.json: allowed, relation to the note", "stranger-deletes.json: denied, no relation to the note")

	edit(t, filepath.Join(policy, "data.json"), `"reader": true`, `"reader": false`)
	code, out = tool(t, "", "test", policy)
	if code != 3 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "FAIL  "+filepath.Join(policy, "policy_test.rego"), "test_readers_read", "✗ "+module, "data.relations[input.request.permission][relation]", `relation = "reader"`, " 1 failed")

	edit(t, module, "\tinput.identity\n", "\tinput.identty\n")
	code, out = tool(t, "", "check", policy)
	if code != 3 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, module+":", "rego_type_error: undefined ref: input.identty", "^")
	code, out = tool(t, "", "check", "--json", policy)
	var problems struct{ Problems []author.Problem }
	if err := json.Unmarshal([]byte(out), &problems); err != nil || code != 3 || len(problems.Problems) != 1 || problems.Problems[0].File != "policy.rego" || problems.Problems[0].Line == 0 {
		t.Errorf("%d: %s: %v", code, out, err)
	}
}

func TestFmt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.rego")
	const ugly, fine = "package a\nx:=1\n", "package a\n\nx := 1\n"
	if err := os.WriteFile(name, []byte(ugly), 0o640); err != nil {
		t.Fatal(err)
	}
	if code, out := tool(t, ugly, "fmt", "-"); code != 0 || out != fine {
		t.Errorf("%d: %s", code, out)
	}
	if code, out := tool(t, "", "fmt", "--check", filepath.Dir(name)); code != 3 || out != name+"\n" {
		t.Errorf("%d: %s", code, out)
	}
	if code, out := tool(t, "", "fmt", "--diff", name); code != 3 || !strings.Contains(out, "-x:=1\n") || !strings.Contains(out, "+x := 1\n") {
		t.Errorf("%d: %s", code, out)
	}
	if code, out := tool(t, "", "fmt", "--write", name); code != 0 || out != name+"\n" {
		t.Errorf("%d: %s", code, out)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info, err)
	}
	if raw, err := os.ReadFile(name); err != nil || string(raw) != fine {
		t.Errorf("%q %v", raw, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
	if code, out := tool(t, "", "fmt", "--write", name); code != 0 || out != "" {
		t.Errorf("%d: %s", code, out)
	}
}

func TestAuthorsCommandsRefuse(t *testing.T) {
	dir := begun(t)
	policy := filepath.Join(dir, "policy")
	for _, args := range [][]string{
		{"new", dir}, {"new"}, {"check", filepath.Join(dir, "nothing")}, {"check", filepath.Join(policy, "policy.rego")}, {"test", "--run", "(", policy},
		{"test", "--threshold", "101", policy}, {"fmt", filepath.Join(dir, "nothing")}, {"fmt", filepath.Join(dir, "Caddyfile")}, {"fmt", "--write", "-"}, {"fmt", "--write", "--diff", policy},
		{"bench"}, {"bench", "--time", "1h", filepath.Join(dir, "inputs", "owner-reads.json")}, {"bench", filepath.Join(dir, "Caddyfile")},
	} {
		if code, out := tool(t, "package a\nx:=1\n", args...); code != 1 {
			t.Errorf("%v: %d: %s", args, code, out)
		}
	}
}

// Tests run again when a file changes, also after one that does not parse.
func TestWatch(t *testing.T) {
	dir := begun(t)
	policy := filepath.Join(dir, "policy")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := new(safeBuffer)
	ended := make(chan int)
	go func() {
		code, _ := toolUntil(t, ctx, out, "", "test", "--watch", policy)
		ended <- code
	}()
	until := func(what string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), what); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no %q in\n%s", what, out.String())
			}
		}
	}
	until(" 0 failed")
	edit(t, filepath.Join(policy, "policy.rego"), "decision :=", "decision =: ")
	until("rego_parse_error")
	edit(t, filepath.Join(policy, "policy.rego"), "decision =: ", "decision :=")
	edit(t, filepath.Join(policy, "data.json"), `"reader": true`, `"reader": false`)
	until(" 1 failed")
	cancel()
	if code := <-ended; code != 0 {
		t.Error(code)
	}
}

// safeBuffer is written and read by two at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

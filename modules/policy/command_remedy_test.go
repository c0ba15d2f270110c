package policy

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// nowhere is an address at which nobody answers.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Whoever asks a gateway that does not run, or at another place, reads what to do; a list that is none has no head.
func TestNoGatewayAnswers(t *testing.T) {
	at := nowhere(t)
	for _, args := range [][]string{{"status"}, {"explain", "GET", "/"}, {"data", "list"}} {
		code, out := tool(t, "", append(args, "--address", at)...)
		if code != 1 {
			t.Errorf("%v: %d", args, code)
		}
		wants(t, out, "no gateway answers at "+at, "--address", "--config")
	}
	_, out := tool(t, "", "status", "--config", filepath.Join(t.TempDir(), "Caddyfile"))
	wants(t, out, "--address")

	cmd := &cobra.Command{Use: "grant", SilenceUsage: true, SilenceErrors: true}
	grantCommand(cmd)
	var list bytes.Buffer
	cmd.SetOut(&list)
	cmd.SetArgs([]string{"list", "--address", at})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "no gateway answers") || list.Len() > 0 {
		t.Errorf("%v: %s", err, list.String())
	}
}

func TestErrorsNameThePolicy(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "input.json")
	policy := filepath.Join(dir, "policy")
	if err := os.Mkdir(policy, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(input, `{}`)
	if code, out := tool(t, "", "fmt", "--check", policy); code != 1 || !strings.Contains(out, "no .rego file below "+policy) {
		t.Errorf("an empty folder passes: %d %s", code, out)
	}
	all := [][]string{{"explain", "--policy", policy, input}, {"bench", "--policy", policy, input}, {"replay", "--policy", policy}, {"build", "-o", filepath.Join(dir, "x"), policy}}
	put(filepath.Join(policy, "a.rego"), "package gateway\n\ndecision := {\"allow\": input.identty}\n")
	for _, args := range all {
		code, out := tool(t, "", args...)
		if code != 1 || !strings.Contains(out, "Error: "+policy+": ") || !strings.Contains(out, "a.rego:3") {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
	put(filepath.Join(policy, "a.rego"), "package gateway\n\ndecision := {\"allow\": \"yes\"}\n")
	if code, out := tool(t, "", "build", "-o", filepath.Join(dir, "x"), policy); code != 1 || !strings.Contains(out, "no boolean") {
		t.Errorf("a bundle that no gateway takes: %d %s", code, out)
	}
	put(filepath.Join(policy, "data.json"), "{\n\t\"a\": 1,\n}\n")
	for _, args := range append(all, []string{"check", policy}, []string{"test", policy}) {
		code, out := tool(t, "", args...)
		if code != 1 || !strings.Contains(out, "Error: "+policy+": ") || !strings.Contains(out, "data.json:3: ") {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}

// By which policy a captured decision is explained is said where it is not the one that made it, and the running gateway can be asked.
func TestCapturedByWhichPolicy(t *testing.T) {
	dir := asked(t)
	captured := []string{"explain", "--captured", "--data", dir, "--event", "R-petra"}
	_, out := tool(t, "", captured...)
	wants(t, out, "note: the policy that is compiled in is not what decided then", "--policy", "--running")
	_, out = tool(t, "", append(captured, "--policy", write(t, owners))...)
	if strings.Contains(out, "is not what decided") {
		t.Errorf("%s", out)
	}
	_, out = tool(t, "", append(captured, "--running", "--address", nowhere(t))...)
	wants(t, out, "no gateway answers")
	code, out := tool(t, "", append(captured, "--running", "--policy", dir)...)
	if code != 1 {
		t.Errorf("both: %d %s", code, out)
	}

	start(t, `{"folder": "`+write(t, owners)+`"}`)
	code, out = tool(t, "", append(captured, "--running", "--address", adminAddress(t))...)
	if code != 3 {
		t.Errorf("%d %s", code, out)
	}
	wants(t, out, "then: denied: no grant", "denied: no grant")
}

func TestNothingWasCaptured(t *testing.T) {
	dir := asked(t)
	if err := os.RemoveAll(captureFolder(dir)); err != nil {
		t.Fatal(err)
	}
	code, out := tool(t, "", "replay", "--data", dir)
	if code != 1 {
		t.Errorf("%d", code)
	}
	wants(t, out, "nothing was captured", "`capture`", "--data")
}

func TestExplainNamesWhatIsMisspelt(t *testing.T) {
	_, out := tool(t, `{"identty": {"name": "ursula"}, "request": {"permission": "none"}}`, "explain", "-")
	wants(t, out, "note: - has what no gateway gives: identty")
	_, out = tool(t, `{"request": {"permission": "none"}}`, "explain", "-")
	if strings.Contains(out, "note:") {
		t.Errorf("%s", out)
	}
}

func TestNothingAtAPathIsSaidOnce(t *testing.T) {
	start(t, `{}`)
	_, out := tool(t, "{}", "data", "patch", "nothing", "-", "--address", adminAddress(t))
	if n := strings.Count(out, "there is nothing at this path"); n != 1 {
		t.Errorf("%d times: %s", n, out)
	}
}

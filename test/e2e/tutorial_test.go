package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// step is a command of the tutorial and what it must print, in this order.
type step struct {
	line  string
	wants []string
}

// tutorial are the commands of the section of policies/README.md.
func tutorial(t *testing.T) (steps []step) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(kit.Root(t), "policies", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(raw), "## A policy of one's own\n")
	if !found {
		t.Fatal("policies/README.md has no tutorial")
	}
	inside := false
	for _, line := range strings.Split(text, "\n") {
		switch command, ok := strings.CutPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case ok:
			steps = append(steps, step{line: command})
		default:
			s := &steps[len(steps)-1]
			for _, part := range strings.Split(line, "…") {
				if part = strings.TrimSpace(part); part != "" {
					s.wants = append(s.wants, part)
				}
			}
		}
	}
	if len(steps) < 25 {
		t.Fatalf("found %d commands", len(steps))
	}
	return steps
}

// notes is the API that the tutorial is about.
func notes(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"id": "n1", "text": "buy milk"}) // a client that has gone is no matter
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// What the tutorial for authors of policies says is what happens: each command is typed, and prints what stands there.
func TestTutorial(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(kit.Binaries(t).Gateway, filepath.Join(dir, "convosphere")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("HOME", dir)
	cwd, data := dir, ""
	addr, upstream := kit.FreeAddr(t), notes(t)
	_, port, _ := strings.Cut(addr, ":")
	users := map[string]kit.User{}
	var node *kit.Node
	var olga, petra *kit.Client
	for _, s := range tutorial(t) {
		words := strings.Fields(s.line)
		switch {
		case words[0] == "cd":
			cwd = filepath.Join(cwd, words[1])
			data = filepath.Join(cwd, "data")
			t.Setenv("DATA", data)
			t.Setenv("ADMIN", "unix//"+filepath.Join(data, "admin.sock"))
			t.Setenv("ADDRESS", "https://localhost:"+port)
			t.Setenv("UPSTREAM", upstream)
		case s.line == "convosphere run":
			node = kit.Gateway(t, kit.Options{Name: "tutorial", File: filepath.Join(cwd, "Caddyfile"), Addr: addr, Data: data, Env: []string{"POLICY=" + filepath.Join(cwd, "policy")}})
		case strings.HasPrefix(s.line, "convosphere user add"):
			u := kit.User{Username: words[3], Role: "user", Password: "quarry-otter-58-" + words[3]}
			kit.Secret(u.Password)
			users[u.Username] = u
			typed(t, cwd, s, u.Password+"\n")
			if len(users) == 2 {
				olga, petra = node.Client(t).Login(t, users["olga"]), node.Client(t).Login(t, users["petra"])
				olga.Call(t, "POST", "/notes", map[string]string{"text": "buy milk"}).Want(t, http.StatusCreated)
				olga.Call(t, "GET", "/notes/n1", nil).Want(t, http.StatusOK)
				var refused struct {
					ID string `json:"request_id"`
				}
				petra.Call(t, "GET", "/notes/n1", nil).Want(t, http.StatusForbidden).JSON(t, &refused)
				t.Setenv("REQUEST_ID", refused.ID)
			}
		default:
			typed(t, cwd, s, "")
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		a := petra.Call(t, "GET", "/notes/n1", nil)
		if a.Status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			a.Want(t, http.StatusOK)
			return
		}
	}
}

// typed runs a command as a shell does. What a running gateway tells of itself (events, captures) may come a moment later: such a command is typed again.
func typed(t *testing.T, dir string, s step, stdin string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		cmd := exec.CommandContext(ctx, "sh", "-c", s.line)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		code := cmd.ProcessState.ExitCode()
		cancel()
		missing := ""
		rest := out.String()
		for _, w := range s.wants {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				missing = w
				break
			}
			rest = after
		}
		if (code == 0 || code == 3) && missing == "" {
			t.Logf("$ %s\n%s", s.line, out.String())
			return
		}
		again := regexp.MustCompile(`--event|replay`).MatchString(s.line)
		if !again || time.Now().After(end) {
			t.Fatalf("$ %s: exit code %d (%v), no %q in\n%s", s.line, code, err, missing, out.String())
		}
	}
}

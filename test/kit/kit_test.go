package kit

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRedisRunsAndEnds(t *testing.T) {
	var pid int
	t.Run("run", func(t *testing.T) {
		r := StartRedis(t)
		pid = r.Process.PID()
		if err := r.Client(t).Set(context.Background(), "k", "v", time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	})
	if _, _, _, ok := readStat(fmt.Sprintf("/proc/%d/stat", pid)); ok {
		t.Fatalf("redis-server %d outlived its test", pid)
	}
}

func TestStopEndsChildrenToo(t *testing.T) {
	p := Start(t, Command{Name: "sh", Path: "/bin/sh", Args: []string{"-c", `sleep 600 & trap 'kill $!; exit 7' TERM; echo ready; wait`}})
	p.WaitLine(t, "ready", 5*time.Second)
	family := Descendants(p.PID())
	if len(family) != 1 || !family[0].Alive() {
		t.Fatalf("children of the shell: %v, want one sleep", family)
	}
	if code := p.Stop(t); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
	if family[0].Alive() {
		t.Error("the sleep outlived the shell")
	}
}

func TestKillEndsChildrenToo(t *testing.T) {
	p := Start(t, Command{Name: "sh", Path: "/bin/sh", Args: []string{"-c", `sleep 600 & echo ready; wait`}})
	p.WaitLine(t, "ready", 5*time.Second)
	family := Descendants(p.PID())
	p.Kill(t)
	if len(family) != 1 || family[0].Alive() {
		t.Errorf("children after kill -9: %v", family)
	}
}

func TestCodesAreNeverHandedOutTwice(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	first, second := Code(t, secret), Code(t, secret)
	if first == second {
		t.Error("the same code twice")
	}
	if LastCode(t, secret) != second {
		t.Error("LastCode is not the code before")
	}
}

func TestClientAddressesDiffer(t *testing.T) {
	a, b := ClientIP(), ClientIP()
	if a == b || !strings.HasPrefix(a, "127.") || a == "127.0.0.1" {
		t.Errorf("addresses %s and %s", a, b)
	}
}

// A page that breaks its own policy, writes errors and is too wide: the kit must see all of it.
func TestTabHearsComplaints(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		if r.URL.Path == "/app.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`console.error("said so"); document.getElementById("b").onclick = () => { document.title = document.getElementById("i").value }`))
			return
		}
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><body><input id="i"><button id="b">Press</button>
			<script>var inline = 1</script><script src="/app.js"></script><pre>` + strings.Repeat("w", 300) + `</pre></body>`))
	}))
	defer s.Close()
	b := StartBrowser(t)
	p := b.Tab(t, "complaints", Phone)
	p.Go(s.URL)
	p.Type("#i", "typed")
	p.ClickText("Press")
	p.Until("title", `document.title == "typed"`)
	Eventually(t, 5*time.Second, "complaints", func() bool { return len(p.Complaints()) >= 2 })
	all := strings.Join(p.Complaints(), "\n")
	for _, want := range []string{"Content Security Policy", "said so"} {
		if !strings.Contains(all, want) {
			t.Errorf("the tab did not hear %q:\n%s", want, all)
		}
	}
	over := &Suite{name: "inner"}
	p.t = over
	p.NoOverflow("test")
	if !over.Failed() {
		t.Error("a page that is too wide passed")
	}
	p.Dark(true)
	if dark, err := Eval[bool](p, `matchMedia("(prefers-color-scheme: dark)").matches`); err != nil || !dark {
		t.Errorf("dark: %v %v", dark, err)
	}
	p.t = t
}

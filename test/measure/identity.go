package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/convosphere/gateway/test/kit"
)

// portal is a gateway with accounts, and without the limits that keep clients from signing in all the time.
const portal = kit.Globals + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	gw_authenticate
	gw_portal
	respond ok 200
}
`

const (
	parallel = 100 // logins at once
	password = "otter-lamp-quarry-58"
)

// identity measures logins on the running gateway, and what they and requests ask in databases of any size.
func identity(t kit.T, o options) {
	g := startPortal(t, parallel)
	before := g.rss(t)
	good := g.login(t, o.loginFor, func(worker, _ int) (string, string) { return person(worker), password })
	unknown := g.login(t, o.loginFor, func(worker, i int) (string, string) { return fmt.Sprintf("nobody-%d-%d", worker, i), password })
	fmt.Printf("\nLogins, %d at once, each client with an address of its own, Argon2id as shipped (19 MiB, 2 passes), %d cores that the clients share\n", parallel, runtime.NumCPU())
	fmt.Printf("%-18s %8s %14s %10s %10s %10s   answers\n", "", "logins/s", "logins/s/core", "p50", "p99", "top MiB")
	for _, r := range []logins{good, unknown} {
		fmt.Printf("%-18s %8.1f %14.1f %10s %10s %10.0f   %v\n", r.what(), r.perSecond(), r.perSecond()/float64(runtime.NumCPU()), r.at(50), r.at(99), r.top, r.statuses)
	}
	fmt.Printf("resident before: %.0f MiB\n", before)

	fmt.Printf("\nWhat logins and requests ask, by size\n")
	cmd := exec.Command("go", "test", "-count=1", "-timeout", "60m", "-v", "-run", "TestLookupsHardlyGrow", "./modules/identity/session")
	cmd.Dir = kit.Root(t)
	cmd.Env = append(os.Environ(), "GW_ACCOUNTS="+strconv.Itoa(o.accounts))
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if _, figures, ok := strings.Cut(line, "size_test.go:"); ok && strings.Contains(figures, "accounts") {
			fmt.Println(figures[strings.Index(figures, " ")+1 : len(figures)-1])
		}
	}
	if err != nil {
		t.Errorf("the lookups: %v\n%s", err, out)
	}
}

// portalNode is a running gateway whose memory can be told.
type portalNode struct{ *kit.Node }

func startPortal(t kit.T, people int) *portalNode {
	g := &portalNode{kit.Gateway(t, kit.Options{Name: "identity", Caddyfile: portal})}
	if code, out := g.Exec(t, password+"\n", "user", "add", person(0), "--data", g.Data); code != 0 {
		t.Fatalf("adding an account: %s", out)
	}
	if err := copyPeople(filepath.Join(g.Data, "gateway.db"), people); err != nil {
		t.Fatalf("adding accounts: %v", err)
	}
	return g
}

func person(i int) string { return fmt.Sprintf("person%d", i) }

// copyPeople gives the first person's password to others: hashing each would take longer than all that is measured.
func copyPeople(file string, n int) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	for i := 1; i < n; i++ {
		if _, err := db.Exec(`INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at)
			SELECT id || ?, ?, roles, password, created_at, password_changed_at FROM accounts WHERE username = ?`, fmt.Sprint("-", i), person(i), person(0)); err != nil {
			return err
		}
	}
	return nil
}

// logins is what came of many at once.
type logins struct {
	took     []time.Duration // sorted
	lasted   time.Duration
	top      float64 // resident memory at most, in MiB
	statuses map[int]int
}

func (l logins) what() string {
	if l.statuses[http.StatusOK] > 0 {
		return "right passwords"
	}
	return "unknown names"
}

func (l logins) perSecond() float64 { return float64(len(l.took)) / l.lasted.Seconds() }

func (l logins) at(percent int) string {
	if len(l.took) == 0 {
		return "-"
	}
	return l.took[(len(l.took)-1)*percent/100].Round(time.Millisecond).String()
}

// login signs in again and again, from each worker as who tells.
func (g *portalNode) login(t kit.T, lasting time.Duration, who func(worker, i int) (name, password string)) logins {
	r := logins{statuses: map[int]int{}}
	var mu sync.Mutex
	ctx, cancel := context.WithTimeout(context.Background(), lasting)
	defer cancel()
	var clients []*kit.Client
	for range parallel {
		clients = append(clients, g.Client(t))
	}
	began := time.Now()
	var wg sync.WaitGroup
	for worker, c := range clients {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name, password := who(worker, i)
				sent := time.Now()
				a, err := c.Try("POST", "/auth/api/login", map[string]string{"username": name, "password": password, "delivery": "body"})
				mu.Lock()
				if err != nil {
					t.Errorf("login: %v", err)
				} else {
					r.took = append(r.took, time.Since(sent))
					r.statuses[a.Status]++
				}
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(20 * time.Millisecond):
			r.top = max(r.top, g.rss(t))
		}
	}
	r.lasted = time.Since(began)
	slices.Sort(r.took)
	return r
}

// rss is the resident memory in MiB.
func (g *portalNode) rss(t kit.T) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.Process.PID()))
	if err != nil {
		t.Fatalf("the gateway's memory: %v", err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("the gateway's status tells no memory")
	}
	kib, _ := strconv.Atoi(fields[0]) // proc(5): a number
	return float64(kib) / 1024
}

package gateway

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/stop"
)

// states are the parts of a ground by name.
func states(t *testing.T, g *ground.Ground) map[string]health.Report {
	t.Helper()
	all := map[string]health.Report{}
	for _, r := range g.Health.All(t.Context()) {
		all[r.Part] = r
	}
	return all
}

// turns waits until a part is so.
func turns(t *testing.T, g *ground.Ground, part string, want health.State, reason string) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r := states(t, g)[part]
		if r.State == want && strings.Contains(r.Reason, reason) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is %s (%s), want %s (%s)", part, r.State, r.Reason, want, reason)
		}
	}
}

func TestHealthOfAnEmbeddedGateway(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	g, err := load(t, map[string]any{"data_dir": filepath.Join(dir, "data"), "database": "sqlite:" + filepath.Join(dir, "gateway.db"), "keys": filepath.Join(dir, "keys")})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"store", "database", "keys", "data_disk", "audit_log"} {
		if r, ok := states(t, g)[part]; !ok || r.State != health.OK {
			t.Errorf("%s: %+v", part, r)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "data", ".health-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("looking left files: %v %v", left, err)
	}

	// The key folder goes, as an unmounted secret does: what is in memory goes on.
	if err := os.Rename(filepath.Join(dir, "keys"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	turns(t, g, "keys", health.Degraded, "keys in memory go on")
	if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	turns(t, g, "keys", health.OK, "")

	// The disk of the data folder goes.
	if err := os.Rename(filepath.Join(dir, "data"), filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	turns(t, g, "data_disk", health.Failed, "the data folder can't be used")
	if err := os.Rename(filepath.Join(dir, "gone"), filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	turns(t, g, "data_disk", health.OK, "")

	// The database goes.
	if err := g.DB.Close(); err != nil {
		t.Fatal(err)
	}
	turns(t, g, "database", health.Failed, "nobody's session can be looked up")
}

// A store that is away is degraded by design: what still works is said, and it is well again by itself.
func TestHealthWithoutRedis(t *testing.T) {
	stop.After(t)
	redis := redistest.Start(t)
	g, err := load(t, map[string]any{"data_dir": t.TempDir(), "store": "redis://" + redis.Addr})
	if err != nil {
		t.Fatal(err)
	}
	turns(t, g, "store", health.OK, "")
	redis.Kill()
	turns(t, g, "store", health.Degraded, "each node counts limits by itself")
	if reports := g.Health.All(t.Context()); !health.Ready(reports, nil) || health.Ready(reports, []string{"store"}) {
		t.Errorf("%+v: it is ready, unless the store is required", reports)
	}
	redis.Run()
	turns(t, g, "store", health.OK, "")
}

// What is told of an error holds nothing of addresses, users and paths.
func TestWhyTellsNoSecrets(t *testing.T) {
	for _, err := range []error{
		&net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 6379}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		&fs.PathError{Op: "open", Path: "/secret/path", Err: syscall.EROFS},
		errors.New("password authentication failed for user secret"),
		os.ErrDeadlineExceeded,
	} {
		if got := why(err); strings.Contains(got, "secret") || strings.Contains(got, "10.1") || got == "" {
			t.Errorf("%v: %s", err, got)
		}
	}
}

func TestHealthOverTheAdminAddressAndAsMetrics(t *testing.T) {
	stop.After(t)
	g, err := load(t, map[string]any{"data_dir": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := (&App{ground: g}).serveHealth(w, httptest.NewRequest(http.MethodGet, "/gateway/health", nil)); err != nil {
		t.Fatal(err)
	}
	if body := w.Body.String(); !strings.HasPrefix(body, `{"ready":true,"status":"ready","parts":[`) || !strings.Contains(body, `{"part":"database","state":"ok"}`) {
		t.Error(body)
	}
	g.Health.Add("odd", func(context.Context) (health.State, string) { return health.Failed, "" })
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(healthCollector{g.Health})
	got, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range got {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{"gateway_ready": 0, "gateway_part_state odd": 2, "gateway_part_state database": 0} {
		if v, ok := values[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}

// Certificates that were renewed by such as can't be used are told before those in force end.
func TestHealthOfALinksFiles(t *testing.T) {
	if s, reason := linkHealth(nil); s != health.OK {
		t.Errorf("a link without files: %s, %s", s, reason)
	}
	ca := pki.New(t, "ca.test")
	mine, other := ca.Client(t, "gateway"), ca.Client(t, "other")
	files, err := link.TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key}.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		from string
		want health.State
	}{{mine.Key, health.OK}, {other.Key, health.Degraded}} {
		if step.from != mine.Key {
			pki.Copy(t, step.from, mine.Key)
		}
		files.Client("redis") // as for a new connection
		if s, reason := linkHealth(files); s != step.want || s == health.Degraded && !strings.Contains(reason, "client_certificate") {
			t.Errorf("%s, %q; want %s", s, reason, step.want)
		}
	}
}

package telemetry

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// prometheus is a real one, that scrapes the site's gateway by the configuration and the rules of deploy/prometheus.
type prometheus struct{ url string }

func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	from, dir, addr := filepath.Join(kit.Root(t), "deploy", "prometheus"), t.TempDir(), kit.FreeAddr(t)
	raw, err := os.ReadFile(filepath.Join(from, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("gateway-1:9180, gateway-2:9180", target, "- recording.yml", "- "+from+"/recording.yml", "- alerts.yml", "- "+from+"/alerts.yml", "15s", "1s").Replace(string(raw))
	if !strings.Contains(config, target) {
		t.Fatal("deploy/prometheus/prometheus.yml names other targets than this test knows")
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	kit.Start(t, kit.Command{Name: "prometheus", Path: need(t, "prometheus"), Args: []string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + addr,
	}})
	return &prometheus{"http://" + addr}
}

func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install prometheus", program)
	}
	return path
}

// ask calls the API; false where it does not answer well.
func (p *prometheus) ask(path string, to any) (string, bool) {
	res, err := (&http.Client{Timeout: 30 * time.Second}).Get(p.url + path)
	if err != nil {
		return err.Error(), false
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error(), false
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if json.Unmarshal(raw, &answer) != nil || answer.Status != "success" {
		return string(raw), false
	}
	return "", json.Unmarshal(answer.Data, to) == nil
}

type series struct {
	Metric map[string]string
	Value  [2]any
}

// query asks for an expression.
func (p *prometheus) query(expr string) (result []series, wrong string) {
	var data struct{ Result []series }
	if why, ok := p.ask("/api/v1/query?query="+url.QueryEscape(expr), &data); !ok {
		return nil, why
	}
	return data.Result, ""
}

// expressions are those of the rules, by what says them, with those of the dashboards.
func (p *prometheus) expressions(t *testing.T) map[string]string {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Query, Health, LastError string }
		}
	}
	all := map[string]string{}
	kit.Eventually(t, within, "all rules evaluated", func() bool {
		if _, ok := p.ask("/api/v1/rules", &data); !ok {
			return false
		}
		for _, g := range data.Groups {
			for _, r := range g.Rules {
				if r.Health == "unknown" {
					return false
				}
				all["rule "+r.Name] = r.Query
				if r.Health != "ok" {
					t.Errorf("rule %s: %s %s", r.Name, r.Health, r.LastError)
				}
			}
		}
		return len(data.Groups) > 0
	})
	files, err := filepath.Glob(filepath.Join(kit.Root(t), "deploy", "grafana", "*.json"))
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	uids := map[string]bool{}
	for _, file := range files {
		d := readDashboard(t, file)
		if uids[d.UID] {
			t.Errorf("%s: the uid %q is another's", file, d.UID)
		}
		uids[d.UID] = true
		for name, expr := range d.expressions(t) {
			all[filepath.Base(file)+" "+name] = expr
		}
	}
	return all
}

// live is what Prometheus has.
func (p *prometheus) live(t *testing.T) known {
	t.Helper()
	result, wrong := p.query(`{__name__!=""}`)
	if wrong != "" {
		t.Fatal(wrong)
	}
	all := known{}
	for _, s := range result {
		name := s.Metric["__name__"]
		if all[name] == nil {
			all[name] = map[string][]string{}
		}
		for l, v := range s.Metric {
			if !slices.Contains(all[name][l], v) {
				all[name][l] = append(all[name][l], v)
			}
		}
	}
	return all
}

// absent are metrics without labels that a gateway as this test's does not have.
var absent = map[string]string{
	"gateway_backup_last_success_timestamp_seconds": "it makes no backups",
	"gateway_backup_interval_seconds":               "likewise",
}

// The rules and dashboards of deploy/ against what a real Prometheus scrapes of the built gateway: each expression is evaluated, and has no name, label or value of a label that the gateway does not have.
func TestRulesAndDashboards(t *testing.T) {
	s := shared
	s.traffic(t)
	p := startPrometheus(t, s.metrics)
	anybody := s.node.Client(t)
	kit.Eventually(t, within, "some scrapes", func() bool {
		got, _ := p.query(`count_over_time(gateway_sockets_open[1m]) >= 4`)
		return len(got) == 1
	})
	exprs, all := p.expressions(t), readTable(t)
	kit.Eventually(t, within, "recorded series", func() bool {
		anybody.Call(t, "GET", "/.well-known/jwks.json", nil) // rates are of what comes between two scrapes
		got, _ := p.query(`gateway:requests:rate5m > 0`)
		return len(got) == 1
	})
	live := p.live(t)
	live["gateway:goroutines_per_socket"], live["gateway:refused:rate5m"] = map[string][]string{}, map[string][]string{} // of none, and of what had to be counted twice
	answered := 0
	for name, expr := range exprs {
		if strings.HasPrefix(name, "rule ") {
			for _, fault := range unborn(expr, live) {
				t.Errorf("%s: %s\n\t%s", name, fault, expr)
			}
		}
		for _, fault := range faults(expr, all, live) {
			t.Errorf("%s: %s\n\t%s", name, fault, expr)
		}
		got, wrong := p.query(expr)
		if wrong != "" {
			t.Errorf("%s: %s\n\t%s", name, wrong, expr)
		}
		if len(got) > 0 {
			answered++
		}
		for _, m := range selectorOf.FindAllStringSubmatch(expr, -1) {
			if r, ok := all.find(m[1]); ok && len(r.labels) == 0 && live[m[1]] == nil && absent[m[1]] == "" {
				t.Errorf("%s: the gateway does not tell %s", name, m[1])
			}
		}
	}
	t.Logf("%d expressions, %d with an answer here; %d series of %d metrics", len(exprs), answered, seriesOf(live), len(live))
	if len(exprs) < 80 || answered < len(exprs)/2 {
		t.Error("that is too few")
	}
	for name := range live { // and the other way: what the gateway tells stands in the table
		if _, ok := all.find(name); strings.HasPrefix(name, "gateway_") && !ok {
			t.Errorf("docs/metrics.md does not have %s", name)
		}
	}
}

func seriesOf(live known) (n int) {
	for _, labels := range live {
		most := 1
		for _, values := range labels {
			most = max(most, len(values))
		}
		n += most
	}
	return n
}

// promtool's word on the files, and the alerts' own tests.
func TestPromtool(t *testing.T) {
	dir := filepath.Join(kit.Root(t), "deploy", "prometheus")
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "recording.yml", "alerts.yml"}, {"test", "rules", "alerts_test.yml", "backup_test.yml", "certificates_test.yml", "disk_test.yml"}} {
		cmd := exec.Command(need(t, "promtool"), args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

var commandOf = regexp.MustCompile("`convosphere ([a-z ]+[a-z])[^`]*`")

// What an alert says to do first can be done: the program has the commands.
func TestAlertsNameCommandsThatAre(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(kit.Root(t), "deploy", "prometheus", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	all := commandOf.FindAllStringSubmatch(string(raw), -1)
	if len(all) < 10 {
		t.Fatal(all)
	}
	for _, m := range all {
		code, out := shared.node.Exec(t, "", append(strings.Fields(m[1]), "--help")...)
		if code != 0 || !strings.Contains(out, "convosphere "+m[1]) {
			t.Errorf("convosphere %s: %d %s", m[1], code, out)
		}
	}
}

// traffic is some of each kind.
func (s *site) traffic(t *testing.T) {
	t.Helper()
	c := s.node.Client(t).Login(t, s.users["ursula"])
	for range 5 {
		c.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
		c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "good morning"}).Want(t, http.StatusCreated)
	}
	c.Call(t, "GET", "/api/rooms?limit='%20OR%201=1--%20<script>alert(1)</script>", nil).Refused(t)
	s.node.Client(t).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusUnauthorized)
	s.node.Client(t).Call(t, "POST", "/auth/api/login", map[string]string{"username": "nobody", "password": "wrong password"})
	c.Renew(t)
	sock := c.Socket(t).Join(t, "general")
	sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": "good evening"})
	sock.Expect(t, "an acknowledgement", func(f kit.Frame) bool { return f.Str("type") == "ack" })
	sock.Close()
}

// figure reads one series without labels from the gateway's own page.
func (s *site) figure(t *testing.T, name string) float64 {
	t.Helper()
	res, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + s.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("the gateway does not tell %s", name)
	return 0
}

// What open sockets are made of, and that it is all given back.
func TestSocketsAreCounted(t *testing.T) {
	s, n := shared, 8
	c := s.node.Client(t).Login(t, s.users["ursula"])
	kit.Eventually(t, within, "no socket", func() bool { return s.figure(t, "gateway_sockets_open") == 0 })
	before := s.figure(t, "go_goroutines")
	socks := make([]*kit.Socket, n)
	for i := range socks {
		socks[i] = c.Socket(t)
	}
	kit.Eventually(t, within, "the sockets", func() bool { return s.figure(t, "gateway_sockets_open") == float64(n) })
	per := (s.figure(t, "go_goroutines") - before) / float64(n)
	t.Logf("%.1f goroutines a socket", per)
	if per > 12 {
		t.Errorf("%.1f goroutines a socket", per)
	}
	for _, sock := range socks {
		sock.Close()
	}
	kit.Eventually(t, within, "no socket any more", func() bool { return s.figure(t, "gateway_sockets_open") == 0 })
}

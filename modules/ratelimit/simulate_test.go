package ratelimit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

var midnight = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)

// written is one event as the gateway writes it. more are further members, each as `"name":value`.
func written(at time.Duration, what string, status int, ip string, more ...string) string {
	method, url, _ := strings.Cut(what, " ")
	host, path, ok := strings.Cut(strings.TrimPrefix(url, "//"), "/")
	if !ok || !strings.HasPrefix(url, "//") {
		host, path = "a.example", strings.TrimPrefix(url, "/")
	}
	members := append([]string{
		fmt.Sprintf(`"@timestamp":%q`, midnight.Add(at).Format("2006-01-02T15:04:05.000000Z07:00")), `"event.category":"web","event.action":"http-request"`,
		fmt.Sprintf(`"http.request.method":%q,"url.domain":%q,"url.path":%q,"http.response.status_code":%d,"source.ip":%q`, method, host, "/"+path, status, ip),
	}, more...)
	return "{" + strings.Join(members, ",") + "}\n"
}

// simulate runs the command over events, with a Caddyfile's limits ("": the default ones).
func simulate(t *testing.T, caddyfile, events string, args ...string) (code int, rep Simulated, text string) {
	t.Helper()
	args = append([]string{"-"}, args...)
	if caddyfile != "" {
		name := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(name, []byte(caddyfile), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", name)
	}
	for _, form := range [][]string{{"--json"}, nil} {
		cmd := &cobra.Command{Use: "limit", SilenceErrors: true, SilenceUsage: true}
		limitCommand(cmd)
		var out bytes.Buffer
		cmd.SetArgs(append(append([]string{"simulate"}, args...), form...))
		cmd.SetIn(strings.NewReader(events))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		err := cmd.Execute()
		switch {
		case err == nil:
		case err.Error() == "exiting with status 3":
			code = 3
		default:
			return 1, rep, err.Error()
		}
		text = out.String()
		if form != nil {
			if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
		}
	}
	return code, rep, text
}

func zoneOf(t *testing.T, rep Simulated, name string) *SimulatedZone {
	t.Helper()
	for _, z := range rep.Zones {
		if z.Zone == name {
			return z
		}
	}
	t.Fatalf("there is no zone %s in %+v", name, rep)
	return nil
}

// The clock is the events': a second in a file is a second.
func TestSimulateOnTheEventsClock(t *testing.T) {
	var events strings.Builder
	for i := range 40 { // one a second for 40 s, from one client; and one other at the end
		events.WriteString(written(time.Duration(i)*time.Second, "POST /auth/api/login", 401, "192.0.2.7"))
	}
	events.WriteString(written(time.Minute, "POST /auth/api/login", 200, "192.0.2.8"))
	code, rep, text := simulate(t, "", events.String())
	login := zoneOf(t, rep, "login") // 20 at once, then one each 6 s
	if code != 3 || rep.Requests != 41 || rep.Refused != 40-20-6 || rep.Newly != rep.Refused || login.Refused != rep.Refused || login.Names != 1 || login.Most[0] != (Refused{"client=192.0.2.7", rep.Refused}) {
		t.Errorf("%d %+v %+v", code, rep, login)
	}
	for _, want := range []string{"requests: 41 from 2026-01-31T00:00:00Z to 2026-01-31T00:01:00Z", "would have been refused: 14, of which were admitted: 14\nwere refused: 0,", "client=192.0.2.7 ×14", "unknown: zone login-user: it counts by json:/username", "unknown: zone messages"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Events are written when a request ends. What counts is when it came.
func TestSimulateInTheOrderOfComing(t *testing.T) {
	const text = "a.example {\n gw_rate_limit {\n defaults off\n zone z {\n key global\n rate 1/1h\n}\n}\n}"
	long := written(10*time.Second, "GET /first", 200, "192.0.2.1", `"event.duration":10000000000`)
	short := written(5*time.Second, "GET /second", 200, "192.0.2.2")
	_, rep, _ := simulate(t, text, short+long)
	if z := zoneOf(t, rep, "z"); z.Refused != 1 || !rep.From.Equal(midnight) {
		t.Errorf("%+v", rep)
	}
	text2 := strings.Replace(text, "key global", "key client", 1)
	if _, rep, _ := simulate(t, text2, short+long+short); zoneOf(t, rep, "z").Most[0].Name != "client=192.0.2.2" {
		t.Errorf("%+v", rep)
	}
}

func TestSimulateWhatWasRefusedThen(t *testing.T) {
	const text = "a.example {\n gw_rate_limit {\n defaults off\n zone z {\n rate 2/1h\n}\n}\n}"
	then := `"gateway.zone":"z","gateway.problem":"rate-limited"`
	events := written(0, "GET /", 200, "192.0.2.1") + written(1, "GET /", 429, "192.0.2.1", then) + written(2, "GET /", 429, "192.0.2.1", then)
	code, rep, _ := simulate(t, text, events)
	if code != 0 || rep.Refused != 1 || rep.RefusedThen != 2 || rep.Newly != 0 || rep.NoLonger != 1 {
		t.Errorf("%d %+v", code, rep)
	}
	events += written(3, "GET /", 200, "192.0.2.1")
	if code, rep, _ = simulate(t, text, events); code != 3 || rep.Newly != 1 {
		t.Errorf("%d %+v", code, rep)
	}
	// What never came as far as the limits then is not charged now.
	before := written(0, "GET /", 403, "192.0.2.1", `"gateway.problem":"banned"`) + written(0, "GET /", 503, "192.0.2.1", `"gateway.problem":"overloaded"`)
	if code, rep, _ = simulate(t, text, strings.Repeat(before, 5)+events[:strings.IndexByte(events, '\n')+1]); code != 0 || rep.Requests != 1 || rep.Left["requests that were refused before limits were asked"] != 10 {
		t.Errorf("%d %+v", code, rep)
	}
}

// Each request goes the way of the configuration's routes.
func TestSimulateSites(t *testing.T) {
	const text = `a.example {
	gw_rate_limit /api/* {
		defaults off
		zone a {
			key global
			rate 1/1h
		}
	}
	@header header X-Test yes
	gw_rate_limit @header {
		defaults off
		zone h {
			rate 100/1h
		}
	}
}
b.example {
	route {
		gw_rate_limit {
			defaults off
			zone b {
				key global
				rate 1/1h
			}
		}
	}
}
c.example {
	respond ok
}
`
	var events strings.Builder
	for range 2 {
		for _, what := range []string{"GET //a.example/api/x", "GET //a.example/other", "GET //b.example/api/x", "GET //c.example/", "GET //d.example/"} {
			events.WriteString(written(0, what, 200, "192.0.2.1"))
		}
	}
	_, rep, out := simulate(t, text, events.String())
	for zone, want := range map[string][2]int{"a": {2, 1}, "b": {2, 1}, "h": {3, 0}} { // of a's two the second gets no further
		if z := zoneOf(t, rep, zone); z.Asked != want[0] || z.Refused != want[1] {
			t.Errorf("%+v", z)
		}
	}
	if rep.Requests != 10 || !strings.Contains(out, "the matcher header looks at what events do not hold") {
		t.Error(out)
	}
}

func TestSimulateRefuses(t *testing.T) {
	for text, part := range map[string]string{
		"a.example {\n respond ok\n}":                                 "has no gw_rate_limit",
		"a.example {\n gw_rate_limit {\n zone x {\n burst 1\n}\n}\n}": "it has no rate",
	} {
		if code, _, out := simulate(t, text, ""); code != 1 || !strings.Contains(out, part) {
			t.Errorf("%d %s", code, out)
		}
	}
	if code, _, out := simulate(t, "", "", filepath.Join(t.TempDir(), "nothing")); code != 1 {
		t.Errorf("%d %s", code, out)
	}
	code, rep, out := simulate(t, "", "no event\n{}\n"+written(0, "GET /", 200, "@")+`{"@timestamp":"2026-01-01T00:00:00Z","event.action":"login"}`+"\n")
	if code != 0 || rep.Requests != 0 || rep.Left["lines that are no events"] != 2 || rep.Left["events without a request's method, path and address"] != 1 {
		t.Errorf("%d %+v %s", code, rep, out)
	}
}

// Events may be older than what fits: the oldest is charged then.
func TestSimulateHoldsABoundedNumber(t *testing.T) {
	all, err := sitesOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newSimulation(all)
	defer s.close()
	for i := range maxPending + 100 {
		if !s.line([]byte(written(time.Duration(i)*time.Millisecond, "GET /", 200, "192.0.2.1"))) {
			t.Fatal("it is not readable")
		}
		if len(s.pending) > maxPending {
			t.Fatal(len(s.pending))
		}
	}
	if rep := s.finish(); rep.Requests != maxPending+100 {
		t.Error(rep.Requests)
	}
}

func FuzzSimulateLine(f *testing.F) {
	f.Add([]byte(written(0, "GET /", 200, "192.0.2.1")))
	f.Add([]byte(`{"@timestamp":"9999-12-31T23:59:59Z","event.action":"websocket","event.duration":-9223372036854775808,"http.request.method":"G","url.path":"%","source.ip":"::1"}`))
	f.Add([]byte(`{"@timestamp":"0001-01-01T00:00:01Z","event.action":"http-request","event.duration":9223372036854775807,"http.request.method":"POST","url.path":"/auth/api/login","source.ip":"::1","http.request.body.bytes":-5}`))
	all, err := sitesOf(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		s := newSimulation(all)
		defer s.close()
		s.line(line)
		s.line([]byte(written(0, "GET /", 200, "192.0.2.1")))
		s.line(line)
		if rep := s.finish(); rep.Refused > 0 {
			t.Errorf("%q: %+v", line, rep)
		}
	})
}

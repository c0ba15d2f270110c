package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/convosphere/gateway/test/kit"
)

// script tells wrk what to send and prints what it measured as one line of JSON.
const script = `
wrk.method = %q
wrk.body = %s
wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "wrk"
%s
function done(summary, latency, requests)
  io.write(string.format('RESULT {"requests":%%d,"micros":%%d,"bad":%%d,"errors":%%d,"p50":%%d,"p99":%%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`

// body is a chat message of some 300 bytes.
const body = `{"text":"Good morning everyone, the meeting about the new release moves to three in the afternoon; please bring the numbers of last week, the list of open questions and, if you have them, the notes from the customers. Whoever can't come writes to me and gets the minutes. See you later, and thank you all!"}`

type wrk struct {
	path, dir string
	o         options
}

func newWrk(t kit.T, o options) *wrk {
	path, err := exec.LookPath("wrk")
	if err != nil {
		t.Fatalf("wrk is missing: run `make bench` as root, which installs it, or apt-get install wrk")
	}
	return &wrk{path: path, dir: t.TempDir(), o: o}
}

// sample is one measurement.
type sample struct{ rate, p50, p99 float64 } // requests/s; milliseconds

// measure runs wrk once. Any answer that is not 2xx or 3xx, and any broken connection, fails the run.
func (w *wrk) measure(t kit.T, p *profile, method string) sample {
	lines, payload := "", "nil"
	if p.client != nil {
		lines += fmt.Sprintf("wrk.headers[\"Authorization\"] = %q\n", "Bearer "+p.client.Access)
	}
	path := "/api/rooms"
	if method == "POST" {
		lines += "wrk.headers[\"Content-Type\"] = \"application/json\"\n"
		payload = fmt.Sprintf("%q", body)
	}
	file := filepath.Join(w.dir, p.name+"-"+method+".lua")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(script, method, payload, lines)), 0o600); err != nil {
		t.Fatalf("wrk: %v", err)
	}
	cmd := exec.Command(w.path, "-t2", fmt.Sprintf("-c%d", w.o.connections), fmt.Sprintf("-d%ds", w.o.seconds), "--timeout", "10s", "-s", file, p.url+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("wrk %s %s: %v\n%s", p.name, method, err, out)
	}
	_, line, found := strings.Cut(string(out), "RESULT ")
	var r struct{ Requests, Micros, Bad, Errors, P50, P99 float64 }
	if !found || json.Unmarshal([]byte(strings.SplitN(line, "\n", 2)[0]), &r) != nil || r.Micros == 0 || r.Requests == 0 {
		t.Fatalf("wrk %s %s measured nothing:\n%s", p.name, method, out)
	}
	if r.Bad > 0 || r.Errors > 0 {
		t.Fatalf("wrk %s %s: of %.0f answers %.0f were not 2xx, %.0f connections broke: this measures something else\n%s", p.name, method, r.Requests, r.Bad, r.Errors, out)
	}
	return sample{rate: r.Requests / r.Micros * 1e6, p50: r.P50 / 1000, p99: r.P99 / 1000}
}

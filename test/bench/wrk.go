package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/convosphere/gateway/test/kit"
)

// script tells wrk what to send and prints what it measured as one line of JSON. The requests stand in a file, each behind its length;
// each is sent as it is, but for BEFORE and ANYONE, in whose places come a new id and a new network of clients each time.
const script = `
local requests = {}
local alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end
local function id()
  local t = {}
  for i = 1, 23 do
    local k = math.random(1, 32)
    t[i] = alphabet:sub(k, k)
  end
  return "01K" .. table.concat(t)
end
local function network()
  return string.format("%%x:%%x", math.random(1, 65535), math.random(1, 65535))
end
local function mark(r)
  local i, j = r:find("BEFORE", 1, true)
  local k, l = r:find("ANYONE", 1, true)
  if k and (not i or k < i) then
    return k, l, network
  end
  return i, j, id
end
function init(args)
  math.randomseed(os.time() + number * 7919)
  local f = io.open(%q, "rb")
  local size = f:read("*n")
  while size do
    f:read(1)
    local r = f:read(size)
    local parts = {}
    local i, j, what = mark(r)
    while i do
      parts[#parts + 1] = r:sub(1, i - 1)
      parts[#parts + 1] = what
      r = r:sub(j + 1)
      i, j, what = mark(r)
    end
    parts[#parts + 1] = r
    requests[#requests + 1] = #parts > 1 and parts or r
    size = f:read("*n")
  end
  f:close()
end
function request()
  local r = requests[math.random(#requests)]
  if type(r) == "table" then
    local t = {}
    for i = 1, #r do
      t[i] = i %% 2 == 0 and r[i]() or r[i]
    end
    return table.concat(t)
  end
  return r
end
function done(summary, latency, requests)
  io.write(string.format('RESULT {"requests":%%d,"micros":%%d,"bad":%%d,"errors":%%d,"p50":%%d,"p99":%%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`

// messagesPath is what both requests go to.
const messagesPath = "/api/rooms/general/messages"

type wrk struct {
	path, dir string
	o         options
	bodies    []string
}

func newWrk(t kit.T, o options, bodies []string) *wrk {
	path, err := exec.LookPath("wrk")
	if err != nil {
		t.Fatalf("wrk is missing: run `make bench` as root, which installs it, or apt-get install wrk")
	}
	return &wrk{path: path, dir: t.TempDir(), o: o, bodies: bodies}
}

// sample is one measurement.
type sample struct{ rate, p50, p99 float64 } // requests/s; milliseconds

// raw writes the requests of a profile, as they go over the wire. There are as many browsers as connections.
func (w *wrk) raw(p *profile, method string) []string {
	r := rand.New(rand.NewPCG(3, 16))
	browsers := make([]string, w.o.connections)
	for i := range browsers {
		browsers[i] = cookies(r)
	}
	site, token := p.site, ""
	if p.client != nil {
		token = p.client.Access
	}
	host := site[strings.Index(site, "//")+2:]
	head := func(target string, i int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host)
		for _, h := range browser(site, method) {
			fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
		}
		if token != "" {
			fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
		}
		if p.limits != nil {
			b.WriteString(p.limits.header(i))
		}
		fmt.Fprintf(&b, "Cookie: %s\r\n", browsers[i])
		return b.String()
	}
	var all []string
	if method == "GET" {
		for i := range browsers {
			all = append(all, head(messagesPath+"?limit=50&before=BEFORE", i)+"\r\n")
		}
		return all
	}
	for i, body := range w.bodies {
		all = append(all, head(messagesPath, i%len(browsers))+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	}
	return all
}

// measure runs wrk once. Any answer that is not 2xx or 3xx, or in a flood that is, and any broken connection fails the run.
func (w *wrk) measure(t kit.T, p *profile, method string) sample {
	lines := filepath.Join(w.dir, p.name+"-"+method+".requests")
	var b strings.Builder
	for _, r := range w.raw(p, method) {
		fmt.Fprintf(&b, "%d\n%s\n", len(r), r)
	}
	file := filepath.Join(w.dir, p.name+"-"+method+".lua")
	for name, text := range map[string]string{lines: b.String(), file: fmt.Sprintf(script, lines)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatalf("wrk: %v", err)
		}
	}
	asked := 0
	if p.limits != nil {
		asked = p.limits.scripts(t)
	}
	cmd := exec.Command(w.path, "-t2", fmt.Sprintf("-c%d", w.o.connections), fmt.Sprintf("-d%ds", w.o.seconds), "--timeout", "10s", "-s", file, p.url+messagesPath)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("wrk %s %s: %v\n%s", p.name, method, err, out)
	}
	_, line, found := strings.Cut(string(out), "RESULT ")
	var r struct{ Requests, Micros, Bad, Errors, P50, P99 float64 }
	if !found || json.Unmarshal([]byte(strings.SplitN(line, "\n", 2)[0]), &r) != nil || r.Micros == 0 || r.Requests == 0 {
		t.Fatalf("wrk %s %s measured nothing:\n%s", p.name, method, out)
	}
	if p.limits != nil {
		p.limits.asked = append(p.limits.asked, p.limits.scripts(t)-asked)
	}
	wrong := r.Bad
	if p.limits != nil && p.limits.flood {
		wrong = r.Requests - r.Bad
	}
	if wrong > 0 || r.Errors > 0 {
		t.Fatalf("wrk %s %s: of %.0f answers %.0f were not 2xx, %.0f connections broke: this is not what was to be measured\n%s", p.name, method, r.Requests, r.Bad, r.Errors, out)
	}
	return sample{rate: r.Requests / r.Micros * 1e6, p50: r.P50 / 1000, p99: r.P99 / 1000}
}

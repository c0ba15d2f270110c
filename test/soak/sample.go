package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// life is a process from its start to its end, as seen from outside, and of a gateway what it tells of itself.
type life struct {
	name    string
	process *kit.Process
	node    *kit.Node // nil where it is no gateway
	began   time.Time
	samples []sample
	last    map[string]float64 // all metrics, by name, added up over labels
	over    bool               // it is being ended: what it looks like now tells nothing
}

// sample is what a process has at a time, by measure.
type sample struct {
	at     time.Time
	values map[string]float64
}

const (
	resident    = "resident MiB"
	heap        = "live heap MiB"
	goroutines  = "goroutines"
	descriptors = "descriptors"
)

func (s *site) began(name string, p *kit.Process, n *kit.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives = append(s.lives, &life{name: name, process: p, node: n, began: time.Now()})
}

func (s *site) ended(p *kit.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lives {
		if l.process == p {
			l.over = true
		}
	}
}

// running are those that nobody is ending.
func (s *site) running() (all []*life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lives {
		if !l.over {
			all = append(all, l)
		}
	}
	return all
}

// watch samples all processes until ctx ends.
func (s *site) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, l := range s.running() {
				now, last, err := l.look()
				s.mu.Lock()
				if err == nil && !l.over { // a process that has just ended, or a gateway that reloads its admin socket, is looked at the next time
					l.samples, l.last = append(l.samples, now), last
				}
				s.mu.Unlock()
			}
		}
	}
}

// look takes a sample.
func (l *life) look() (sample, map[string]float64, error) {
	now := sample{time.Now(), map[string]float64{}}
	dir := "/proc/" + strconv.Itoa(l.process.PID())
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return now, nil, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return now, nil, fmt.Errorf("%s has no memory any more", l.name)
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return now, nil, err
	}
	open, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return now, nil, err
	}
	now.values[resident], now.values[descriptors] = kib/1024, float64(len(open))
	if l.node == nil {
		return now, nil, nil
	}
	m, err := metrics(l.node)
	if err != nil {
		return now, nil, err
	}
	now.values[goroutines] = m["go_goroutines"]
	// What was alive after the last collection: the next one comes when GOGC percent of it have been added.
	now.values[heap] = m["go_memstats_next_gc_bytes"] / (1 + m["go_gc_gogc_percent"]/100) / (1 << 20)
	return now, m, nil
}

// get asks a gateway's admin API.
func get(n *kit.Node, path string) ([]byte, error) {
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", admin(n))
	}}
	r, err := http.NewRequest("GET", "http://caddy"+path, nil)
	if err != nil {
		return nil, err
	}
	r.Host = "" // the admin API checks the host of a unix socket to be empty or its path
	res, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", path, res.StatusCode)
	}
	return b, err
}

// metrics are a gateway's, each name added up over its labels.
func metrics(n *kit.Node) (map[string]float64, error) {
	b, err := get(n, "/metrics")
	if err != nil {
		return nil, err
	}
	m := map[string]float64{}
	sc := bufio.NewScanner(strings.NewReader(string(b)))
	for sc.Scan() {
		line := sc.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		name, _, _ := strings.Cut(line[:at], "{")
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", line, err)
		}
		m[name] += v
	}
	return m, sc.Err()
}

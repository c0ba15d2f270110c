package main

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"
)

// line is one of a gateway's log that tells of an error.
type line struct {
	Level  string
	TS     float64
	Logger string
	Msg    string
	text   string
}

func (l line) at() time.Time { return time.UnixMicro(int64(l.TS * 1e6)) }

// reason explains errors of a logger that hold the text, while this fault lasts.
type reason struct{ logger, text, fault string }

// reasons are all errors that a gateway may log in a soak.
var reasons = []reason{
	{"admin.api", "request error", "bad reload"},
	{"http.handlers.gw_audit", "HTTP 502", "chat restart"},
	{"http.handlers.gw_portal", "storing a pending", "Redis restart"},
	{"gw_identity", "wrong logins are counted by this process alone", "Redis restart"},
}

func (y *tally) reasoned(l line) bool {
	during := y.faultsAt(l.at())
	return slices.ContainsFunc(reasons, func(r reason) bool {
		return l.Logger == r.logger && strings.Contains(l.text, r.text) && slices.Contains(during, r.fault)
	})
}

// errors reads those of all gateways' logs, and returns how many are explained, by logger, and the others.
func (r *run) errors() (explained map[string]int, others []line) {
	explained = map[string]int{}
	for _, l := range r.site.lives {
		if l.node == nil {
			continue
		}
		f, err := os.Open(l.process.Log)
		if err != nil {
			r.t.Fatalf("the log of %s: %v", l.name, err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 4<<20)
		for sc.Scan() {
			n := line{text: sc.Text()}
			if json.Unmarshal(sc.Bytes(), &n) != nil || n.Level != "error" && n.Level != "fatal" && n.Level != "panic" {
				continue
			}
			if r.load.tally.reasoned(n) {
				explained[n.Logger]++
			} else {
				others = append(others, n)
			}
		}
		err = sc.Err()
		f.Close()
		if err != nil {
			r.t.Fatalf("the log of %s: %v", l.name, err)
		}
	}
	return explained, others
}

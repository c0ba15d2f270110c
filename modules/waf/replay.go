package waf

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/waf/capture"
	"github.com/convosphere/gateway/modules/waf/explain"
)

// What changes for a captured request.
const (
	changeBlocked = "newly blocked"
	changePassing = "newly passing"
	changeRules   = "other rules"
)

// change is one captured request on which another configuration decides differently, or for other reasons.
type change struct {
	Change  string   `json:"change"`
	Time    string   `json:"time"`
	ID      string   `json:"request_id"`
	Request string   `json:"request"`
	Before  ruling   `json:"before"`
	After   ruling   `json:"after"`
	Added   []int    `json:"rules_added"`
	Gone    []int    `json:"rules_gone"`
	Removed []string `json:"removed_at_capture,omitempty"` // secrets that the rules can't see any more
}

// ruling is a verdict, as if the mode were block.
type ruling struct {
	Verdict string `json:"verdict"`
	Status  int    `json:"status,omitempty"`
	Score   int    `json:"score"`
	Rules   []int  `json:"rules"`
}

// comparison is what `waf replay` found.
type comparison struct {
	Config   string         `json:"config"`
	Paranoia int            `json:"paranoia"`
	Replayed int            `json:"replayed"`
	Same     int            `json:"same"`
	Blocked  int            `json:"newly_blocked"`
	Passing  int            `json:"newly_passing"`
	Rules    int            `json:"other_rules"`
	Left     map[string]int `json:"left_out"` // by reason
	Changes  []change       `json:"changes"`
}

// replayRecord asks the configuration about a captured request.
func (c *comparison) replayRecord(o *offline, rec *capture.Record) error {
	if rec.Missing != "" {
		c.Left[rec.Missing]++
		return nil
	}
	r, err := requestOf(rec)
	if err != nil {
		c.Left["malformed"]++
		return nil
	}
	before := rulingThen(rec)
	l := o.ask(r, nil)
	if l.Verdict == explain.Failed {
		return fmt.Errorf("the rules could not be run on request %s", rec.ID)
	}
	after := ruling{l.Verdict, l.Status, l.Score, l.Rules}
	c.Replayed++
	ch := change{
		Time: rec.Time.Format("2006-01-02T15:04:05Z07:00"), ID: rec.ID, Request: rec.Method + " " + rec.URI, Before: before, After: after, Removed: rec.Removed,
		Added: without(after.Rules, before.Rules), Gone: without(before.Rules, after.Rules),
	}
	switch {
	case before.Status == 0 && after.Status != 0:
		ch.Change = changeBlocked
		c.Blocked++
	case before.Status != 0 && after.Status == 0:
		ch.Change = changePassing
		c.Passing++
	case len(ch.Added)+len(ch.Gone) > 0:
		ch.Change = changeRules
		c.Rules++
	default:
		c.Same++
		return nil
	}
	c.Changes = append(c.Changes, ch)
	return nil
}

func without(a, b []int) []int {
	out := []int{}
	for _, v := range a {
		if !slices.Contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}

// rulingThen is what was decided when the request came. In mode detect the rules that judge tell what would have been.
func rulingThen(rec *capture.Record) ruling {
	v := rec.Verdict
	out := ruling{explain.Passes, v.Status, v.Score, withoutJudges(v.Rules)}
	judged := slices.ContainsFunc(v.Rules, func(id int) bool { return id == 949110 || id == 949111 })
	switch {
	case v.Blocked:
		out.Verdict = explain.Blocked
	case v.Status != 0:
		out.Verdict = explain.Refused
	case v.Mode == Detect && judged:
		out.Verdict, out.Status = explain.Blocked, http.StatusForbidden
	}
	return out
}

// requestOf makes the request again, as net/http would hand it on.
func requestOf(rec *capture.Record) (*http.Request, error) {
	target := rec.URI
	if rec.Method == http.MethodConnect && !strings.HasPrefix(target, "/") {
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: rec.Method, URL: u, RequestURI: rec.URI, Host: rec.Host, Proto: rec.Proto, Header: http.Header{},
		RemoteAddr: rec.Remote, ContentLength: rec.Length, Body: http.NoBody,
	}
	if major, minor, ok := http.ParseHTTPVersion(rec.Proto); ok {
		r.ProtoMajor, r.ProtoMinor = major, minor
	}
	for _, h := range rec.Headers {
		r.Header[h[0]] = append(r.Header[h[0]], h[1])
	}
	if rec.Chunked {
		r.TransferEncoding = []string{"chunked"}
	}
	if len(rec.Body) > 0 || rec.Chunked {
		r.Body = io.NopCloser(bytes.NewReader(rec.Body))
	}
	// A secret that was taken out may have made the body shorter.
	if r.ContentLength > 0 {
		r.ContentLength = int64(len(rec.Body))
		if _, ok := r.Header["Content-Length"]; ok {
			r.Header.Set("Content-Length", strconv.Itoa(len(rec.Body)))
		}
	}
	return r, nil
}

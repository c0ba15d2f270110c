package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// answerWithin is what an answer may take. At paranoia level 4 a request takes some ms of a core, and long bodies a second.
const answerWithin = 30 * time.Second

// answer is what came back of one stage.
type answer struct {
	err       error // no answer that could be read
	status    int
	requestID string // of the security event; empty: net/http answered by itself, and no handler saw the request
	text      string // headers and body
}

// send puts a request on a connection of its own and reads the answer.
func send(addr string, request []byte) answer {
	c, err := net.DialTimeout("tcp", addr, answerWithin)
	if err != nil {
		return answer{err: err}
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return answer{err: err}
	}
	// The gateway may answer and close before it has read all: what counts is the answer.
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(request)
		sent <- err
	}()
	method, _, _ := strings.Cut(string(request), " ")
	res, err := response(bufio.NewReader(c), method)
	if err != nil {
		c.Close()
		return answer{err: errors.Join(err, <-sent)}
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // a body cut short is the back end's affair
	var head strings.Builder
	_ = res.Header.Write(&head)
	return answer{status: res.StatusCode, requestID: res.Header.Get("X-Request-Id"), text: head.String() + "\r\n" + string(body)}
}

// response is the first that is not one on the way, as 100 is.
func response(r *bufio.Reader, method string) (*http.Response, error) {
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
	}
}

// verdict is what the WAF recorded of one request.
type verdict struct {
	rules  []int            // of the event
	places map[int][]string // where each found what it matched, of the log
}

// judge tells why a stage did not come out as expected, "" where it did. messages are the rules' texts.
func (out output) judge(a answer, v verdict, messages map[int]string) string {
	rules := v.rules
	if out.ExpectError {
		// A server that says 400 and ends the connection has refused as firmly as one that only ends it.
		if a.err != nil || a.status == http.StatusBadRequest && a.requestID == "" {
			return ""
		}
		return fmt.Sprintf("an error was expected, the answer is %d", a.status)
	}
	if a.err != nil {
		return "no answer: " + a.err.Error()
	}
	if out.Status != 0 && out.Status != a.status {
		return fmt.Sprintf("status %d, want %d", a.status, out.Status)
	}
	if !strings.Contains(a.text, out.ResponseContains) {
		return fmt.Sprintf("the response does not contain %q", out.ResponseContains)
	}
	why := ""
	if a.requestID == "" {
		why = fmt.Sprintf(" (answered %d before any handler)", a.status)
	}
	for _, id := range out.Log.ExpectIDs {
		if !slices.Contains(rules, id) {
			return fmt.Sprintf("rule %d did not match%s, only %v", id, why, rules)
		}
	}
	for _, id := range out.Log.NoExpectIDs {
		if slices.Contains(rules, id) {
			return fmt.Sprintf("rule %d matched", id)
		}
	}
	if out.Isolated && len(rules) != 1 {
		return fmt.Sprintf("one rule was expected to match, not %v", rules)
	}
	log := v.log(messages)
	if re := out.Log.MatchRegex; re != "" && !regexp.MustCompile(re).MatchString(log) {
		return fmt.Sprintf("the log does not match %q, with rules %v", re, rules)
	}
	if re := out.Log.NoMatchRegex; re != "" && regexp.MustCompile(re).MatchString(log) {
		return fmt.Sprintf("the log matches %q", re)
	}
	return ""
}

// log writes what an engine's error log would hold of the rules that matched, but for what the client sent, which we never write down.
func (v verdict) log(messages map[int]string) string {
	var b strings.Builder
	for _, id := range v.rules {
		fmt.Fprintf(&b, "[id \"%d\"] [msg %q]", id, messages[id])
		for _, p := range v.places[id] {
			fmt.Fprintf(&b, " found within %s: …", p)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Package problem answers a request with an error: problem+json (RFC 9457) for programs, a small page for
// browsers, the login page for a browser that has no identity. It says nothing of the inside.
package problem

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Problem is one error answer. Status is required; the rest has defaults.
type Problem struct {
	Status     int
	Type       string         // short name, as "quota-exceeded"; becomes the URI that IANA registers for it, or "urn:gateway:problem:…"; default by status
	Title      string         // for people; default by status. Never holds input or internals
	RetryAfter time.Duration  // sent as Retry-After, rounded up to seconds
	Extra      map[string]any // further public members of the JSON
}

// Types by status, where a Problem names none.
var types = map[int]string{
	400: "bad-request", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
	408: "timeout", 409: "conflict", 413: "too-large", 415: "unsupported-media-type", 421: "misdirected", 422: "invalid", 429: "rate-limited",
	431: "headers-too-large", 500: "internal", 502: "bad-gateway", 503: "unavailable", 504: "gateway-timeout",
}

// registered are the types that IANA's registry of problem types knows, so that programs know them without having heard of this gateway. Their
// members are the same everywhere: violated-policies names the limits (draft-ietf-httpapi-ratelimit-headers-11, section 5).
var registered = map[string]bool{"quota-exceeded": true, "temporary-reduced-capacity": true, "abnormal-usage-detected": true}

// uri is the member "type" of a short name.
func uri(name string) string {
	if registered[name] {
		return "https://iana.org/assignments/http-problem-types#" + name
	}
	return "urn:gateway:problem:" + name
}

// Write answers with p and records its type on the request. Headers already set on w (WWW-Authenticate, RateLimit, …)
// are kept. A browser's page load that got 401 goes to the login page instead, and comes back after.
func Write(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Type == "" {
		p.Type = types[p.Status]
		if p.Type == "" {
			p.Type = "error"
		}
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	id, traceID, login := "", "", ""
	if rc := reqctx.From(r.Context()); rc != nil {
		rc.Problem, rc.By = p.Type, rc.Cost.At()
		id, traceID, login = rc.ID, rc.Trace.ID(), rc.LoginURL
	}
	own(w)
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Range", "Accept-Ranges", "Etag", "Last-Modified", "Content-Disposition", "Trailer"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(p.RetryAfter), 10))
	}
	page := wantsPage(r)
	if p.Status == http.StatusUnauthorized && login != "" && page {
		to := login + "?return_to=" + url.QueryEscape(r.URL.RequestURI())
		if age, ok := p.Extra[maxAge].(int); ok { // so that the page asks again of whom gave a factor, but too long ago
			to += "&" + maxAge + "=" + strconv.Itoa(age)
		}
		h.Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if page {
		writePage(w, r, p, id, traceID)
		return
	}
	body := map[string]any{}
	for k, v := range p.Extra {
		body[k] = v
	}
	body["type"], body["title"], body["status"] = uri(p.Type), p.Title, p.Status
	if id != "" {
		body["request_id"] = id
	}
	if traceID != "" {
		body["trace_id"] = traceID
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody is left to tell
	}
}

// own tells the writers further out that what comes now is the gateway's own answer and not the back end's, where they hold that to something
// (OwnAnswer). Nothing of the answer has been written then.
func own(w http.ResponseWriter) {
	for w != nil {
		if o, ok := w.(interface{ OwnAnswer() }); ok {
			o.OwnAnswer()
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = u.Unwrap()
	}
}

// seconds rounds up: whoever comes back then does not come too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// wantsPage tells a browser's page load from a program's call: fetch() says */* or JSON, a navigation names text/html. Nobody looks at a page in
// the place of a socket.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

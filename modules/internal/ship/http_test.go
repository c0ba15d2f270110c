package ship

import (
	"compress/gzip"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/convosphere/gateway/modules/internal/event"
)

// endpoint is an HTTP receiver.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  [][]byte
	headers []http.Header
	tries   int
	answer  func(n int, w http.ResponseWriter) bool // of the n-th try; true: it has answered, and takes nothing
}

func newEndpoint(t *testing.T, answer func(n int, w http.ResponseWriter) bool) *endpoint {
	t.Helper()
	e := &endpoint{answer: answer}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		from = z
	}
	raw, err := io.ReadAll(from)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	e.tries++
	n := e.tries
	e.mu.Unlock()
	if e.answer != nil && e.answer(n, w) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bodies, e.headers = append(e.bodies, raw), append(e.headers, r.Header)
}

// events are what came as JSON arrays.
func (e *endpoint) events(t *testing.T) (all []map[string]any) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.bodies {
		var some []map[string]any
		if err := json.Unmarshal(b, &some); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		all = append(all, some...)
	}
	return all
}

func (e *endpoint) seen(t *testing.T) (all []string) {
	for _, one := range e.events(t) {
		if s := fmt.Sprint(one["event.action"]); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return ours(all)
}

func newWebhook(t *testing.T, h HTTP, secret string) *Webhook {
	t.Helper()
	w, err := NewWebhook(h, secret)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The signature is over time and body: whoever alters either, or has another secret, is found out.
func TestWebhookIsSigned(t *testing.T) {
	e := newEndpoint(t, nil)
	r := newRig(t, Config{Sender: newWebhook(t, HTTP{URL: e.URL + "/in", Header: map[string]string{"authorization": "Bearer t"}}, "s3cret"), Linger: time.Millisecond})
	r.emit(0, 100)
	within(t, "all arrived", func() bool { return len(e.seen(t)) == 100 })
	e.mu.Lock()
	defer e.mu.Unlock()
	sig, body := e.headers[0].Get(SignatureHeader), e.bodies[0]
	at, _, _ := strings.Cut(strings.TrimPrefix(sig, "t="), ",")
	unix, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		t.Fatal(sig)
	}
	same := func(secret string, body []byte, unix int64) bool {
		return hmac.Equal([]byte(Sign([]byte(secret), body, time.Unix(unix, 0))), []byte(sig))
	}
	if !same("s3cret", body, unix) || same("s3cret", append(slices.Clone(body), ' '), unix) || same("s3cret", body, unix+1) || same("other", body, unix) {
		t.Fatal(sig)
	}
	if e.headers[0].Get("Authorization") != "Bearer t" || e.headers[0].Get("Content-Type") != "application/json" || e.headers[0].Get(BatchHeader) == "" {
		t.Fatal(e.headers[0])
	}
}

// Whatever goes wrong at a receiver, all arrives in order once it works.
func TestWebhookReceiversInTrouble(t *testing.T) {
	for name, answer := range map[string]func(n int, w http.ResponseWriter) bool{
		"500": func(n int, w http.ResponseWriter) bool { return status(n < 3, w, 500) },
		"429 with a time": func(n int, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "1")
			return status(n < 2, w, 429)
		},
		"a wrong token": func(n int, w http.ResponseWriter) bool { return status(n < 3, w, 401) },
		"half an answer": func(n int, w http.ResponseWriter) bool {
			if n >= 3 {
				return false
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = conn.Write([]byte("HTTP/1.1 200"))
				_ = conn.Close()
			}
			return true
		},
		"cut off": func(n int, w http.ResponseWriter) bool {
			if n < 3 {
				panic(http.ErrAbortHandler)
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, answer)
			r := newRig(t, Config{Sender: newWebhook(t, HTTP{URL: e.URL}, ""), MaxBatch: 20})
			r.emit(0, 100)
			within(t, "all arrived", func() bool { return len(e.seen(t)) == 100 })
			if got := e.seen(t); !slices.Equal(got, names(0, 100)) {
				t.Fatal(got)
			}
		})
	}
}

func status(bad bool, w http.ResponseWriter, code int) bool {
	if bad {
		w.WriteHeader(code)
	}
	return bad
}

// A receiver that sends us elsewhere does not have events, signature and token go there.
func TestWebhookFollowsNoRedirect(t *testing.T) {
	elsewhere := newEndpoint(t, nil)
	e := newEndpoint(t, func(_ int, w http.ResponseWriter) bool {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	})
	r := newRig(t, Config{Sender: newWebhook(t, HTTP{URL: e.URL}, "s")})
	r.emit(0, 3)
	within(t, "it counts as away", func() bool { return r.Status().Away })
	if elsewhere.tries > 0 {
		t.Fatal("it was followed")
	}
}

// 400 for everything: all are left out one by one and counted, and the queue does not stand still.
func TestWebhookThatRefusesAll(t *testing.T) {
	e := newEndpoint(t, func(_ int, w http.ResponseWriter) bool { return status(true, w, 400) })
	r := newRig(t, Config{Sender: newWebhook(t, HTTP{URL: e.URL}, "")})
	r.emit(0, 40)
	within(t, "all are refused", func() bool { return r.Status().Lost["refused"] >= 40 })
}

// No error says the address, which may be a secret (Slack's are).
func TestErrorsHideTheAddress(t *testing.T) {
	w := newWebhook(t, HTTP{URL: "http://127.0.0.1:1/services/T0/SECRET"}, "")
	err := w.Post(t.Context(), []byte("{}"), "")
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Fatal(err)
	}
	for _, bad := range []string{"ftp://h/SECRET", "https://u:SECRET@h/", "SECRET", "https://\x7fSECRET"} {
		if _, err := NewWebhook(HTTP{URL: bad}, ""); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Error(bad, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "99999999": mostWait, "nonsense": 0,
		"Thu, 01 Jan 2026 00:00:30 GMT": 30 * time.Second, "Thu, 01 Jan 2025 00:00:30 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func newOTLP(t *testing.T, url string, f Format) *OTLP {
	t.Helper()
	o, err := NewOTLP(HTTP{URL: url}, f)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (e *endpoint) records(t *testing.T) (all []*logs.LogRecord) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.bodies {
		var r collector.ExportLogsServiceRequest
		if err := proto.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		for _, rl := range r.GetResourceLogs() {
			for _, sl := range rl.GetScopeLogs() {
				all = append(all, sl.GetLogRecords()...)
			}
		}
	}
	return all
}

func TestOTLP(t *testing.T) {
	e := newEndpoint(t, func(n int, w http.ResponseWriter) bool { return status(n == 1, w, 503) })
	r := newRig(t, Config{Sender: newOTLP(t, e.URL+"/v1/logs", ECS)})
	r.bus.Emit(&event.Event{Category: "authentication", Action: "login", Outcome: event.Failure, Reason: "wrong password", SourceIP: "192.0.2.7", UserRoles: []string{"user"}, Status: 401})
	within(t, "it arrived", func() bool { return len(e.records(t)) >= 1 })
	rec := e.records(t)[0]
	attributes := map[string]string{}
	for _, kv := range rec.GetAttributes() {
		attributes[kv.GetKey()] = kv.GetValue().String()
	}
	if rec.GetEventName() != "login" || rec.GetSeverityText() != "low" || rec.GetSeverityNumber() != 10 || rec.GetBody().GetStringValue() != "wrong password" || rec.GetTimeUnixNano() == 0 {
		t.Fatal(rec)
	}
	if !strings.Contains(attributes["source.ip"], "192.0.2.7") || !strings.Contains(attributes["http.response.status_code"], "int_value:401") || !strings.Contains(attributes["user.roles"], "array_value") {
		t.Fatal(attributes)
	}
}

func TestOTLPCarriesOCSF(t *testing.T) {
	e := newEndpoint(t, nil)
	r := newRig(t, Config{Sender: newOTLP(t, e.URL, OCSF), Format: OCSF})
	r.bus.Emit(&event.Event{Category: "authentication", Action: "login", Outcome: event.Success})
	within(t, "it arrived", func() bool { return len(e.records(t)) == 1 })
	for _, kv := range e.records(t)[0].GetBody().GetKvlistValue().GetValues() {
		if kv.GetKey() == "class_uid" && kv.GetValue().GetIntValue() == 3002 {
			return
		}
	}
	t.Fatal(e.records(t))
}

// Records that the receiver leaves out are counted and not sent again; 400 is not tried again, as the protocol has it.
func TestOTLPPartialSuccess(t *testing.T) {
	partial, err := proto.Marshal(&collector.ExportLogsServiceResponse{PartialSuccess: &collector.ExportLogsPartialSuccess{RejectedLogRecords: 2, ErrorMessage: "<b>"}})
	if err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, func(n int, w http.ResponseWriter) bool {
		_, err := w.Write(partial)
		return err != nil
	})
	o := newOTLP(t, e.URL, ECS)
	defer o.Close()
	f, err := readFlat([]byte(`{"event.id":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	err = o.Send(t.Context(), []Message{{ID: "a", event: f}, {ID: "b", event: f}, {ID: "c", event: f}})
	if r, ok := err.(Refused); !ok || r.Some != 2 {
		t.Fatal(err)
	}
}

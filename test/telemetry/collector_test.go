package telemetry

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/convosphere/gateway/test/kit"
)

// token is what the collector asks for.
const token = "Bearer of-the-collector"

// collected is a collector of traces: OTLP over HTTP, as any that operators have.
type collected struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*traces.Span
	raw   []byte // all that was ever sent
	wrong []string
	hangs chan struct{} // nil: it answers; else it does when this is closed
}

func newCollector(t kit.T) *collected {
	c := new(collected)
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	t.Cleanup(func() { c.hang(false) })
	return c
}

// hang has requests wait from now on, or answers all.
func (c *collected) hang(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hangs != nil {
		close(c.hangs)
		c.hangs = nil
	}
	if yes {
		c.hangs = make(chan struct{})
	}
}

func (c *collected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	hangs := c.hangs
	c.mu.Unlock()
	if hangs != nil {
		<-hangs
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var in collector.ExportTraceServiceRequest
	z, err := gzip.NewReader(r.Body)
	if err == nil {
		var raw []byte
		if raw, err = io.ReadAll(z); err == nil {
			err = proto.Unmarshal(raw, &in)
		}
		c.mu.Lock()
		c.raw = append(c.raw, raw...)
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Authorization") != token {
		c.wrong = append(c.wrong, r.Method+" "+r.URL.String())
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, rs := range in.GetResourceSpans() {
		for _, a := range rs.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" && a.GetValue().GetStringValue() != "edge" {
				c.wrong = append(c.wrong, "service "+a.GetValue().GetStringValue())
			}
		}
		for _, ss := range rs.GetScopeSpans() {
			c.spans = append(c.spans, ss.GetSpans()...)
		}
	}
	out, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

// of gives the spans of a trace, those that began first first.
func (c *collected) of(trace string) []*traces.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*traces.Span
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == trace {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *traces.Span) int {
		return int(int64(a.GetStartTimeUnixNano()) - int64(b.GetStartTimeUnixNano()))
	})
	return all
}

// count tells how many spans have come.
func (c *collected) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spans)
}

package ship

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/convosphere/gateway/modules/internal/trace"
)

// Traces sends spans by OpenTelemetry's protocol over HTTP: protobuf, gzipped. It is a trace.Exporter.
type Traces struct {
	to       *poster
	resource *resource.Resource
}

// NewTraces reads the configuration. The address is whole, as https://collector:4318/v1/traces; service and node are what spans say that they come from.
func NewTraces(h HTTP, service, node string) (*Traces, error) {
	p, err := newPoster(h)
	if err != nil {
		return nil, err
	}
	version := "unknown"
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		version = b.Main.Version
	}
	return &Traces{p, &resource.Resource{Attributes: []*common.KeyValue{
		{Key: "service.name", Value: text(service)}, {Key: "service.instance.id", Value: text(node)}, {Key: "service.version", Value: text(version)},
		{Key: "telemetry.sdk.name", Value: text("convosphere")}, {Key: "telemetry.sdk.language", Value: text("go")},
	}}}, nil
}

// Export implements trace.Exporter.
func (t *Traces) Export(ctx context.Context, spans []trace.Span) error {
	all := make([]*traces.Span, len(spans))
	for i := range spans {
		all[i] = spanOf(&spans[i])
	}
	answer, err := t.to.postProto(ctx, &collector.ExportTraceServiceRequest{ResourceSpans: []*traces.ResourceSpans{{
		Resource: t.resource, ScopeSpans: []*traces.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "convosphere.gateway"}, Spans: all}},
	}}})
	var no Refused
	if errors.As(err, &no) {
		return trace.Refused{Err: no.Err}
	}
	if err != nil {
		return err
	}
	var said collector.ExportTraceServiceResponse
	if proto.Unmarshal(answer, &said) != nil {
		return nil // it was taken; only its words can't be read
	}
	if n := said.GetPartialSuccess().GetRejectedSpans(); n > 0 { // not to be sent again, says the protocol
		return trace.Refused{Err: fmt.Errorf("the receiver left out %d spans", n), Some: int(min(n, int64(len(spans))))}
	}
	return nil
}

// Close implements trace.Exporter.
func (t *Traces) Close() error { return t.to.close() }

var kinds = [...]traces.Span_SpanKind{traces.Span_SPAN_KIND_INTERNAL, traces.Span_SPAN_KIND_SERVER, traces.Span_SPAN_KIND_CLIENT}

func spanOf(s *trace.Span) *traces.Span {
	out := &traces.Span{
		TraceId: s.Trace[:], SpanId: s.ID[:], TraceState: s.State, Name: s.Name, Kind: kinds[s.Kind],
		StartTimeUnixNano: uint64(s.Start.UnixNano()), EndTimeUnixNano: uint64(s.End.UnixNano()),
	}
	if s.Parent != (trace.SpanID{}) {
		out.ParentSpanId = s.Parent[:]
	}
	for _, a := range s.Attrs {
		v := text(a.Text)
		if a.Is == trace.IsNumber {
			v = &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: a.Number}}
		}
		out.Attributes = append(out.Attributes, &common.KeyValue{Key: a.Key, Value: v})
	}
	if s.Link.Trace != (trace.ID{}) {
		out.Links = []*traces.Span_Link{{TraceId: s.Link.Trace[:], SpanId: s.Link.Span[:]}}
	}
	if s.Failed {
		out.Status = &traces.Status{Code: traces.Status_STATUS_CODE_ERROR, Message: s.Why}
	}
	return out
}

var _ trace.Exporter = (*Traces)(nil)

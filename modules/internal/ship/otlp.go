package ship

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// OTLP sends logs by OpenTelemetry's protocol over HTTP: protobuf, gzipped.
type OTLP struct {
	to     *poster
	format Format
}

// NewOTLP reads the configuration. The address is whole, as https://collector:4318/v1/logs.
func NewOTLP(h HTTP, f Format) (*OTLP, error) {
	if f == CEF {
		return nil, errors.New("OTLP carries the formats ecs and ocsf")
	}
	p, err := newPoster(h)
	if err != nil {
		return nil, err
	}
	return &OTLP{p, f}, nil
}

// severities are OTLP's numbers of the levels: INFO, INFO2, WARN, ERROR, FATAL.
var severities = [...]logs.SeverityNumber{
	logs.SeverityNumber_SEVERITY_NUMBER_INFO, logs.SeverityNumber_SEVERITY_NUMBER_INFO2, logs.SeverityNumber_SEVERITY_NUMBER_WARN,
	logs.SeverityNumber_SEVERITY_NUMBER_ERROR, logs.SeverityNumber_SEVERITY_NUMBER_FATAL,
}

// Send implements Sender.
func (o *OTLP) Send(ctx context.Context, batch []Message) error {
	answer, err := o.to.postProto(ctx, o.request(batch, time.Now()))
	if err != nil {
		return err
	}
	var said collector.ExportLogsServiceResponse
	if proto.Unmarshal(answer, &said) != nil {
		return nil // it was taken; only its words can't be read
	}
	if n := said.GetPartialSuccess().GetRejectedLogRecords(); n > 0 { // not to be sent again, says the protocol
		return Refused{Err: fmt.Errorf("the receiver left out %d records", n), Some: int(min(n, int64(len(batch))))}
	}
	return nil
}

// postProto sends a message of OTLP, gzipped.
func (p *poster) postProto(ctx context.Context, m proto.Message) ([]byte, error) {
	raw, err := proto.Marshal(m)
	if err != nil {
		return nil, Refused{Err: fmt.Errorf("writing the request: %w", err)}
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(raw); err != nil {
		return nil, fmt.Errorf("packing the request: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("packing the request: %w", err)
	}
	return p.post(ctx, body.Bytes(), http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"gzip"}})
}

// Close implements Sender.
func (o *OTLP) Close() error { return o.to.close() }

func (o *OTLP) request(batch []Message, now time.Time) *collector.ExportLogsServiceRequest {
	records := make([]*logs.LogRecord, 0, len(batch))
	for _, m := range batch {
		r := &logs.LogRecord{
			TimeUnixNano: uint64(m.Time.UnixNano()), ObservedTimeUnixNano: uint64(now.UnixNano()),
			SeverityNumber: severities[m.Level], SeverityText: m.Level.String(), EventName: m.Action,
			TraceId: id(m.event.text("trace.id")), SpanId: id(m.event.text("span.id")),
		}
		if o.format == OCSF {
			r.Body = ocsfBody(m.Body)
		} else {
			r.Attributes = keyValues(m.event.fields)
			r.Body = text(m.event.text("event.reason"))
		}
		records = append(records, r)
	}
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("convosphere-gateway")}}},
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "convosphere.security"}, LogRecords: records}},
	}}}
}

// ocsfBody is the event of OCSF as a list of keys and values, so that receivers need not parse text.
func ocsfBody(raw []byte) *common.AnyValue {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text(string(raw))
	}
	return anyValue(v)
}

// id reads the id of a trace or a span; nil where there is none.
func id(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// keyValues are sorted, so that the same event is the same bytes.
func keyValues(m map[string]any) []*common.KeyValue {
	all := make([]*common.KeyValue, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, &common.KeyValue{Key: name, Value: anyValue(m[name])})
	}
	return all
}

func anyValue(v any) *common.AnyValue {
	switch v := v.(type) {
	case string:
		return text(v)
	case bool:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}
		}
		if x, err := v.Float64(); err == nil {
			return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: x}}
		}
		return text(v.String())
	case []any:
		list := &common.ArrayValue{}
		for _, one := range v {
			list.Values = append(list.Values, anyValue(one))
		}
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: list}}
	case map[string]any:
		return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: keyValues(v)}}}
	}
	return &common.AnyValue{}
}

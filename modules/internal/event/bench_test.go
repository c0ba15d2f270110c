package event

import (
	"io"
	"testing"
	"time"

	"go.uber.org/zap"
)

type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

// ordinary is an event as most are.
func ordinary() *Event {
	return &Event{
		Time: time.Now(), Category: "web", Action: "http-request", Outcome: Success, RequestID: "IC4TPRGDON2ORT2XG6OBKGDA36", Method: "POST", Host: "chat.example.com",
		Path: "/api/rooms/general/messages", Route: "POST /api/rooms/{room}/messages", Resource: Resource{"room", "general"}, Status: 201, BytesIn: 300, BytesOut: 210,
		Duration: 1234567, UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", SourceIP: "192.0.2.7", Country: "DE",
		Network: Network{64500, "Example Networks"}, UserID: "MFRGGZDFMZTWQ2LKNNWG23TPOA", UserRoles: []string{"user"}, Session: "SID23456723456723456723456A",
		Begun: time.Now().Add(-time.Hour), Device: "DEV23456723456723456723456A", Node: "edge-1",
		Fields: []zap.Field{
			zap.String("gateway.classification", "internal"), zap.Bool("gateway.decision.allow", true), zap.String("gateway.decision.reason", "member"),
			zap.String("gateway.decision.revision", "60e39d0193df"), zap.String("gateway.decision.tier", "standard"),
		},
	}
}

// What a request waits for.
func BenchmarkEmit(b *testing.B) {
	bus := start(16384, nowhere{io.Discard})
	defer bus.Close()
	b.ReportAllocs()
	for b.Loop() {
		bus.Emit(ordinary())
	}
	_, lost := bus.Dropped()
	b.ReportMetric(float64(lost), "lost")
}

// What is done beside it.
func BenchmarkEncode(b *testing.B) {
	enc, e := newEncoder(), ordinary()
	b.ReportAllocs()
	for b.Loop() {
		line, err := encode(enc, e)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(line.Len()))
		line.Free()
	}
}

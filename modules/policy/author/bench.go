package author

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Document is an input, and where it comes from.
type Document struct {
	Name  string
	Value ast.Value
}

// ReadDocuments reads inputs: JSON objects one after the other, each the document itself or, as in a decision log of OPA's, an object whose member
// `input` it is.
func ReadDocuments(name string, raw []byte) ([]Document, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var out []Document
	for {
		var v map[string]any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: it must be JSON objects: %w", name, err)
		}
		if in, ok := v["input"].(map[string]any); ok {
			v = in
		}
		value, err := ast.InterfaceToValue(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		d := Document{name, value}
		if len(out) > 0 {
			d.Name = fmt.Sprintf("%s#%d", name, len(out)+1)
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: there is no JSON object in it", name)
	}
	return out, nil
}

// Measured is how long the decision about one input took. Times are microseconds.
type Measured struct {
	Name    string  `json:"name"`
	Allow   bool    `json:"allow"`
	Reason  string  `json:"reason"`
	Failure string  `json:"failure,omitempty"`
	Rounds  int     `json:"rounds"`
	P50     float64 `json:"p50"`
	P95     float64 `json:"p95"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	Allocs  int     `json:"allocs"` // of one decision
	Bytes   int     `json:"bytes"`
}

// Bounds of a measurement of one input.
const (
	warmUp     = 20
	mostRounds = 100_000
)

// Bench decides about each document again and again for so long, each time as if it had never been decided. The process must do nothing else meanwhile.
func Bench(ctx context.Context, s *engine.Snapshot, docs []Document, each time.Duration) ([]Measured, error) {
	out := make([]Measured, 0, len(docs))
	for _, doc := range docs {
		m, err := measure(ctx, s, doc, each)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func measure(ctx context.Context, s *engine.Snapshot, doc Document, each time.Duration) (Measured, error) {
	o := engine.Options{Timeout: time.Second, Now: time.Now()}
	var d engine.Decision
	for range warmUp {
		d, _ = s.Evaluate(ctx, doc.Value, o) // the failure says what went wrong
	}
	took := make([]time.Duration, 0, 1024)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for began := time.Now(); len(took) < mostRounds && (len(took) == 0 || time.Since(began) < each); {
		if err := ctx.Err(); err != nil {
			return Measured{}, err
		}
		start := time.Now()
		_, _ = s.Evaluate(ctx, doc.Value, o)
		took = append(took, time.Since(start))
	}
	runtime.ReadMemStats(&after)
	slices.Sort(took)
	at := func(part float64) float64 {
		return float64(took[min(len(took)-1, int(part*float64(len(took))))].Nanoseconds()) / 1000
	}
	n := uint64(len(took))
	return Measured{
		Name: doc.Name, Allow: d.Allow, Reason: d.Reason, Failure: string(d.Failure), Rounds: len(took),
		P50: at(.5), P95: at(.95), P99: at(.99), Max: at(1),
		Allocs: int((after.Mallocs - before.Mallocs) / n), Bytes: int((after.TotalAlloc - before.TotalAlloc) / n),
	}, nil
}

package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"@timestamp":"2026-01-05T09:%02d:%02d.000000Z","event.id":"e-%d"}`+"\n", i/60%60, i%60, i)
	}
	return b.String()
}

// Events are seen in the order of the file, whoever parses them.
func TestOrder(t *testing.T) {
	const n = 3000
	seen := 0
	stats, err := Run(t.Context(), iotest.HalfReader(strings.NewReader(lines(n))), "x", 4, func(e *ecs.Event) {
		if e.ID() != fmt.Sprintf("e-%d", seen) {
			t.Fatalf("event %d is %s", seen, e.ID())
		}
		seen++
	})
	if err != nil || seen != n || stats.Events != n || stats.Backwards != 0 || stats.Last.Sub(stats.First).Seconds() != n-1 {
		t.Errorf("%d %+v %v", seen, stats, err)
	}
}

// What is no event is counted and said, and the rest is seen: also after a line without end.
func TestUnreadable(t *testing.T) {
	in := "x\n\n" + lines(1) + `{"a":"` + strings.Repeat("y", 3<<20) + "\"}\n" + `{"@timestamp":"2026-01-05T08:00:00.000000Z"}`
	stats, err := Run(t.Context(), strings.NewReader(in), "f", 2, func(*ecs.Event) {})
	if err != nil || stats.Events != 2 || stats.Unreadable != 2 || !strings.HasPrefix(stats.At, "f:1: ") || stats.Backwards != 1 {
		t.Errorf("%+v %v", stats, err)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	stats, err := Run(t.Context(), io.MultiReader(strings.NewReader(lines(1000)), iotest.ErrReader(broken)), "f", 2, func(*ecs.Event) {})
	if !errors.Is(err, broken) || stats.Events != 1000 {
		t.Errorf("%+v %v", stats, err)
	}
}

// Whoever waits is let go when it is enough, wherever the reader stands then.
func TestCancel(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Run(ctx, endless{}, "f", 2, func(*ecs.Event) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	const line = `{"a":1}` + "\n"
	n := copy(b, strings.Repeat(line, len(b)/len(line)+1))
	return n / len(line) * len(line), nil
}

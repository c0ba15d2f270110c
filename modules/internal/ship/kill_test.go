package ship

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
)

const childEnv = "GW_SHIP_CHILD"

// absent is a receiver that takes nothing.
type absent struct{}

func (absent) Send(context.Context, []Message) error { return errGone }
func (absent) Close() error                          { return nil }

// child ships events to nobody until it is killed, and says how many its spool has taken.
func child() {
	dir := os.Getenv(childEnv)
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	if err != nil {
		panic(err)
	}
	o := New("killed", filepath.Join(dir, "spool"))
	if _, err := o.Use(Config{Sender: absent{}, SpoolSize: 64 << 20}, bus); err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		bus.Emit(&event.Event{Action: "tested", Fields: []zap.Field{zap.Int("gateway.n", i)}})
		if i%100 == 0 {
			for o.queued.Load() > 0 || len(o.queue) > 0 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Millisecond)
			fmt.Println(o.spool.Size())
		}
	}
}

// What the spool took is delivered by the next process, in order and without a gap, however the one before it ended.
func TestKilledProcessLosesNothingOfItsSpool(t *testing.T) {
	for round := range 3 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := int64(0)
		lines := bufio.NewScanner(out)
		for range 5 + 3*round {
			if !lines.Scan() {
				t.Fatal("the child ended")
			}
			if said, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		s := openSpool(t, filepath.Join(dir, "spool"), 64<<20)
		if s.Size() < said {
			t.Fatalf("%d bytes of %d", s.Size(), said)
		}
		n := -1
		for _, line := range takeAll(t, s) {
			var e map[string]any
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if i, ok := e["gateway.n"].(float64); ok {
				if int(i) != n+1 {
					t.Fatalf("%v after %d", i, n)
				}
				n++
			}
		}
		if n < 100 {
			t.Fatal(n)
		}
		if _, err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

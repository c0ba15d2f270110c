package event

import (
	"encoding/json"
	"fmt"
	"testing"
)

// kept keeps what it was given.
type kept struct {
	ids   []string
	lines []string
}

func (k *kept) Write(r *Record) {
	k.ids, k.lines = append(k.ids, r.ID), append(k.lines, string(r.Line))
}

// Whoever is attached gets each event once, in order, as it is in the file, and nothing after it has let go.
func TestSinks(t *testing.T) {
	b, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b.EnrichWith(func(e *Event) { e.Reason = "enriched" })
	all, some := new(kept), new(kept)
	detachAll, detachSome := b.Attach(all), b.Attach(some)
	for i := range 100 {
		b.Emit(&Event{Action: fmt.Sprint(i)})
	}
	for len(b.queue) > 0 { // the last that was taken is waited for by detach, or comes to nobody
	}
	detachSome()
	seen := len(some.ids)
	b.Emit(&Event{Action: "last"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	detachAll()
	if len(all.ids) != 101 || seen < 99 || len(some.ids) != seen {
		t.Fatal(len(all.ids), seen, len(some.ids))
	}
	ids := map[string]bool{}
	for i, line := range all.lines {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(i); i < 100 && e["event.action"] != want || e["event.reason"] != "enriched" || e["event.id"] != all.ids[i] || ids[all.ids[i]] {
			t.Fatal(i, e)
		}
		ids[all.ids[i]] = true
	}
}

package main

import (
	"strings"
	"testing"
	"time"
)

// The soak of make soak, in short: everything happens once. What takes longer to show, memory that grows slowly, an hour shows.
func TestSoak(t *testing.T) {
	r := soak(t, options{lasting: 40 * time.Second, sockets: 8, people: 4, pace: 1, every: 2 * time.Second, sample: time.Second})
	table := r.table()
	t.Log(table)
	for _, f := range r.faulty() {
		t.Error(f)
	}
	for _, f := range faults {
		if !strings.Contains(table, f.name) {
			t.Errorf("no %s in the table", f.name)
		}
	}
	// A soak that did nothing finds nothing.
	for kind := range expected {
		if len(expected[kind]) > 0 && kind != "second factor" && kind != "refresh of an attacker" && sum(r.load.tally.counts[kind]) == 0 {
			t.Errorf("nothing was %s", kind)
		}
	}
	if r.audit.bySocket == 0 || r.audit.present == 0 || r.audit.deleted == 0 {
		t.Errorf("%+v", r.audit)
	}
}

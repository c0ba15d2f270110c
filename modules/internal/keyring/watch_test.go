package keyring

import (
	"testing"
	"time"
)

// A reload has two configurations watch one ring, the old one for as long as a socket of it is open: a change is told once, and by the
// newer. When that one ends, the other goes on, and tells nothing that was told.
func TestOneOfManyWatches(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r := openAt(t, dir, c)
	told := map[string]int{}
	begin := func(name string) *watch {
		return r.newWatch(Observer{Changed: func([]Key) { told[name]++ }, Failed: func(err error) { t.Error(err) }})
	}
	turn := func(all ...*watch) {
		for _, w := range all {
			w.turn()
		}
	}
	old, young := begin("old"), begin("new")
	if _, err := openAt(t, dir, c).Rotate(); err != nil {
		t.Fatal(err)
	}
	turn(old, young, old, young)
	if told["old"] != 0 || told["new"] != 1 {
		t.Fatal(told)
	}
	young.end()
	turn(old)
	if _, err := openAt(t, dir, c).Withdraw(); err != nil {
		t.Fatal(err)
	}
	turn(old, old)
	if told["old"] != 1 || told["new"] != 1 {
		t.Fatal(told)
	}
}

// A process that holds the folder (one that was stopped with ^Z, say) keeps rotations waiting, and no request.
func TestAHeldFolderKeepsNoRequestWaiting(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r := openAt(t, dir, c)
	release, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	rotated := make(chan error, 1)
	go func() {
		_, err := r.Rotate()
		rotated <- err
	}()
	time.Sleep(100 * time.Millisecond) // until it waits
	c.add(time.Second)
	asked := make(chan bool, 1)
	go func() {
		_, ok := r.Public("unknown")
		asked <- ok
	}()
	select {
	case <-asked:
	case <-time.After(30 * time.Second):
		t.Error("a token of an unknown key waits for the rotation")
	}
	release()
	if err := <-rotated; err != nil {
		t.Error(err)
	}
}

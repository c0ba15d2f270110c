package ban

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
)

// feed is a change feed that a test cuts off.
type feed struct {
	cut  atomic.Bool
	mu   sync.Mutex
	tell func(string)
}

func (f *feed) Subscribe(_ string, fn func(string)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell = fn
	return func() {}
}
func (f *feed) Fresh() bool { return !f.cut.Load() }
func (f *feed) Wake()       {}

// opened is a book whose feed and events the test has in hand.
func opened(t *testing.T, now func() time.Time) (b *Book, f *feed, events func() string) {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f = new(feed)
	b, err = Open(t.Context(), Sources{db, f, bus, now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		_ = bus.Close()
		_ = db.Close()
	})
	return b, f, func() string {
		raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
}

// A gateway that is cut off goes on with the bans that it knew, says so, and reads all anew when it is back: of what it missed the feed may tell
// nothing any more.
func TestCutOff(t *testing.T) {
	b, f, events := opened(t, newClock().now)
	l := b.View(Options{})
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.1"), Source: Operator}); err != nil {
		t.Fatal(err)
	}
	f.tell("192.0.2.1/32")
	eventually(t, "it is not banned", func() bool { return banned(l, "192.0.2.1") })
	f.cut.Store(true)
	eventually(t, "it is not said", func() bool { return strings.Contains(events(), "bans-stale") })
	if !l.Stale() || !banned(l, "192.0.2.1") {
		t.Error("what was known is forgotten")
	}
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.2"), Source: Operator}); err != nil {
		t.Fatal(err)
	}
	if banned(l, "192.0.2.2") {
		t.Fatal("this feed told of it")
	}
	f.cut.Store(false)
	eventually(t, "it is not read", func() bool { return banned(l, "192.0.2.2") })
	eventually(t, "it is not said", func() bool { return strings.Contains(events(), "bans-fresh") })
	if all := events(); strings.Count(all, "bans-stale") != 1 || strings.Count(all, "ban-added") != 2 {
		t.Error(all)
	}
}

// What can't be read when it is heard of is read later, without being told again.
func TestReadAgain(t *testing.T) {
	b, f, _ := opened(t, newClock().now)
	l := b.View(Options{})
	// It is banned before the table goes away: whatever is read before it goes is not told of yet, whatever is read while it is away fails.
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.1"), Source: Operator}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.Exec(t.Context(), `ALTER TABLE bans RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	for range mostPending + 10 { // more news than are kept one by one
		f.tell("192.0.2.1/32")
		f.tell("192.0.2.2/32")
	}
	time.Sleep(2 * lookInterval) // so that it is tried at least once; were it not, the test would only be easier
	if banned(l, "192.0.2.1") {
		t.Fatal("it is read from a table that is away")
	}
	if _, err := b.db.Exec(t.Context(), `ALTER TABLE away RENAME TO bans`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not read again", func() bool { return banned(l, "192.0.2.1") })
}

func TestSweep(t *testing.T) {
	c := newClock()
	b, f, _ := opened(t, c.now)
	l := b.View(Options{Remember: time.Hour})
	all := many(3000)
	for i := range all {
		if i > 0 {
			all[i].Expires = c.now().Add(time.Minute)
		}
	}
	if _, err := l.Import(t.Context(), Import{Source: "import:list", Bans: all}); err != nil {
		t.Fatal(err)
	}
	f.tell(everything)
	eventually(t, "they are not read", func() bool { return l.Size() == len(all) })
	c.forward(time.Hour)
	if err := b.sweepTables(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := b.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM bans`).Scan(&rows); err != nil || rows != 1 {
		t.Error(rows, err)
	}
	b.forget(c.now().UnixMicro()) // nothing else changes the trie meanwhile
	if _, kept := l.Banned(all[0].Prefix.Addr()); l.Size() != 1 || !kept {
		t.Error(l.Size())
	}
}

// A flood of refused requests makes one event at once and then one a minute, with their number; who comes no more is forgotten.
func TestRefusalsAreTold(t *testing.T) {
	b, _, events := opened(t, newClock().now)
	l := b.View(Options{})
	one, other := Ban{Prefix: prefix(t, "192.0.2.1"), Source: Abuse}, Ban{Prefix: prefix(t, "192.0.2.2"), Source: Operator}
	for range 1000 {
		l.Refused(one)
	}
	l.Refused(other)
	b.refusals.flush(b.tellRefused)
	b.refusals.flush(b.tellRefused)
	if len(b.refusals.m) != 0 {
		t.Error("they are kept")
	}
	eventually(t, "it is not told", func() bool { return strings.Count(events(), `"gateway.ban.refused":999`) == 1 })
	if n := strings.Count(events(), "banned-client-refused"); n != 3 {
		t.Errorf("%d events", n)
	}
	for _, each := range many(mostRefusals + 100) {
		b.refusals.note(each)
	}
	if len(b.refusals.m) > mostRefusals {
		t.Errorf("%d are kept", len(b.refusals.m))
	}
}

// Who waits is told once, also where the ban was there before the wait; who has stopped waiting is not.
func TestWatch(t *testing.T) {
	b, f, _ := opened(t, newClock().now)
	l := b.View(Options{})
	told := make(chan Ban, 10)
	tell := func(b Ban) { told <- b }
	l.Watch(addr("192.0.2.1"), tell)
	cancel := l.Watch(addr("192.0.2.2"), tell)
	l.Watch(addr("198.51.100.1"), tell)
	cancel()
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.0/24"), Source: Operator}); err != nil {
		t.Fatal(err)
	}
	f.tell("192.0.2.0/24")
	if b := <-told; b.Prefix.String() != "192.0.2.0/24" {
		t.Error(b)
	}
	l.Watch(addr("192.0.2.3"), tell)
	<-told
	b.watches.check()
	if len(told) != 0 || len(b.watches.all) != 1 {
		t.Error(len(told), len(b.watches.all))
	}
}

// A list of a million takes seconds to read. A single ban does not wait for it, and neither it nor one that is lifted meanwhile is undone by it.
func TestASingleBanDoesNotWaitForAList(t *testing.T) {
	b, f, _ := opened(t, newClock().now)
	if err := b.Close(); err != nil { // the test is the keeper from here on
		t.Fatal(err)
	}
	l, k := b.View(Options{}), &keeper{book: b}
	add := func(p string) {
		t.Helper()
		if err := l.Add(t.Context(), Ban{Prefix: prefix(t, p), Source: Operator}); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(key string) {
		f.tell(key)
		k.catchUp(t.Context())
	}
	add("192.0.2.1")
	add("192.0.2.2")
	hears(everything)
	slow := <-k.whole // what it has read so far; it is not done with it
	add("192.0.2.3")
	hears("192.0.2.3/32")
	if err := l.Remove(t.Context(), prefix(t, "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	hears("192.0.2.1/32")
	hears(everything) // and another list
	if !banned(l, "192.0.2.3") || banned(l, "192.0.2.2") {
		t.Fatal("the ban waits, or the list did not")
	}
	k.swap(t.Context(), slow)
	if !banned(l, "192.0.2.3") || !banned(l, "192.0.2.2") || banned(l, "192.0.2.1") {
		t.Error("what has changed since is undone")
	}
	if k.whole == nil {
		t.Fatal("the other list is not read")
	}
	k.swap(t.Context(), <-k.whole)
	if k.whole != nil || l.Size() != 2 {
		t.Error(l.Size())
	}
}

package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// put adds events as they come from the bus, and waits until they are kept.
func put(t *testing.T, j *Journal, lines ...string) {
	t.Helper()
	before := j.Stats().Events
	for _, line := range lines {
		j.Write(&event.Record{Line: []byte(line)})
	}
	waitFor(t, func() bool { return j.Stats().Events >= before+len(lines) })
	j.Flush()
}

func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to be")
		}
	}
}

// line is an event of that number, i minutes ago.
func line(i int, more string) string {
	return fmt.Sprintf(`{"@timestamp":"%s","event.id":"E-%d","event.action":"http-request","event.category":"web","event.outcome":"success"%s}`+"\n",
		time.Now().Add(-time.Duration(i)*time.Minute).UTC().Format(time.RFC3339Nano), i, more)
}

func idsOf(t *testing.T, j *Journal, f Filter) string {
	t.Helper()
	var all []string
	for after := ""; ; {
		found, err := j.Find(bg, f, after, 3)
		if err != nil || found.Unread > 0 {
			t.Fatal(found.Unread, err)
		}
		for _, h := range found.Hits {
			all = append(all, strings.TrimPrefix(h.ID, "E-"))
		}
		if after = found.Next; after == "" {
			return strings.Join(all, " ")
		}
	}
}

// What was kept is there after a stop, after a kill, and under the number that it had.
func TestSurvives(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	put(t, j, line(5, ""), line(4, ""))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Options{Dir: dir})
	put(t, j, line(3, ""))
	found, err := j.Find(bg, Filter{}, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	// As a kill leaves it: nothing is closed, the files are as they are now.
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	j = open(t, Options{Dir: killed})
	if got := idsOf(t, j, Filter{}); got != "3 4 5" {
		t.Fatalf("after a kill there is %q", got)
	}
	put(t, j, line(2, ""), line(1, ""))
	rest, err := j.Find(bg, Filter{}, found.Next, 10)
	if err != nil || len(rest.Hits) != 1 || rest.Hits[0].ID != "E-5" || rest.Next != "" {
		t.Fatalf("a page that was begun before goes on with %+v, %v", rest, err)
	}
}

// A log that is torn anywhere gives what was whole before, and goes on.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	for i := range 4 {
		put(t, j, line(9-i, ""))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, logName(0)))
	if err != nil {
		t.Fatal(err)
	}
	last := 5
	for n := len(whole); n >= 0; n -= 7 {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, logName(0)), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, Options{Dir: torn})
		events := j.Stats().Events
		if events > last || n == len(whole) && events != 4 {
			t.Fatalf("%d bytes give %d events", n, events)
		}
		last = events
		put(t, j, line(1, ""))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, Options{Dir: torn})
		if got := j.Stats().Events; got != events+1 {
			t.Fatalf("%d bytes: %d events, then %d", n, events, got)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Where events are encrypted on the disk nothing of them stands in the journal's files in plain, and without the keys nothing is told.
func TestEncrypted(t *testing.T) {
	ring, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := Options{Dir: dir, Ring: ring, Sealer: func() event.Sealer { return ring }}
	j := open(t, o)
	put(t, j, line(3, `,"source.ip":"203.0.113.77"`))
	j.adding.Lock()
	j.seal()
	j.adding.Unlock()
	put(t, j, line(2, `,"source.ip":"203.0.113.77"`))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		raw, err := os.ReadFile(name)
		if bytes.Contains(raw, []byte("203.0")) || bytes.Contains(raw, []byte("http-request")) {
			t.Errorf("%s holds events in plain", name)
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(name, info.Mode(), err)
		}
		return err
	})
	if err != nil || files != 2 {
		t.Fatal(files, err)
	}
	j = open(t, o)
	if got := idsOf(t, j, Filter{Conds: []Cond{Is(Client, "203.0.113.77")}}); got != "2 3" {
		t.Fatal(got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	j = open(t, Options{Dir: dir, Ring: other, Error: func(error) { told++ }})
	found, err := j.Find(bg, Filter{}, "", 10)
	if err != nil || len(found.Hits) != 0 || found.Unread != 1 || told == 0 {
		t.Fatalf("with another ring: %+v, %v, told %d times", found, err, told)
	}
}

// Nothing stays longer, nor is there more, than the settings say.
func TestRetention(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	dir := t.TempDir()
	j := open(t, Options{Dir: dir, Now: clock, Settings: Settings{Keep: 24 * time.Hour, MaxEvents: 2 * segmentRows}})
	fill(t, j, 3*segmentRows+10, 20*time.Hour)
	if n := j.Stats().Events; n > 2*segmentRows || n < segmentRows {
		t.Fatalf("%d events are kept of at most %d", n, 2*segmentRows)
	}
	if n, err := j.Import(bg, strings.NewReader(line(25*60, "")+"no event\n"+line(1, ""))); err != nil || n != (Imported{Kept: 1, Old: 1, Broken: 1}) {
		t.Fatal(n, err)
	}
	mu.Lock()
	now = now.Add(25 * time.Hour)
	mu.Unlock()
	j.care()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 || j.Stats() != (Stats{}) {
		t.Fatalf("a day later there are %v, %+v, %v", entries, j.Stats(), err)
	}
}

// A segment that was damaged is left out and said; the others answer.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	for i := range 3 {
		put(t, j, line(9-i, ""))
		j.adding.Lock()
		j.seal()
		j.adding.Unlock()
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for first, at := range map[uint64]int64{0: -20, 1: 30} { // the foot of one, the lines of the other
		name := filepath.Join(dir, segmentName(first))
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw[(int64(len(raw))+at)%int64(len(raw))] ^= 0xff
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	j = open(t, Options{Dir: dir, Error: func(error) { told++ }})
	found, err := j.Find(bg, Filter{}, "", 10)
	if err != nil || len(found.Hits) != 1 || found.Hits[0].ID != "E-7" || found.Unread != 1 || told != 1 {
		t.Fatalf("%+v, %v, told %d times", found, err, told)
	}
}

// Those who follow hear of what they asked for, in order, and only of what comes from then on; they end with the journal.
func TestFollow(t *testing.T) {
	j := open(t, Options{})
	put(t, j, line(9, ""))
	heard, ended := make(chan string, 100), make(chan error, 2)
	follow := func(f Filter, ctx context.Context) {
		go func() { ended <- j.Follow(ctx, f, func(h Hit) error { heard <- h.ID; return nil }) }()
	}
	following := func(n int) {
		t.Helper()
		waitFor(t, func() bool { j.mu.RLock(); defer j.mu.RUnlock(); return len(j.follow) == n })
	}
	ctx, cancel := context.WithCancel(bg)
	follow(Filter{Conds: []Cond{Is(Country, "DE")}}, ctx)
	following(1)
	put(t, j, line(3, `,"source.geo.country_iso_code":"FR"`), line(2, `,"source.geo.country_iso_code":"DE"`), line(1, `,"source.geo.country_iso_code":"DE"`))
	if a, b := <-heard, <-heard; a != "E-2" || b != "E-1" {
		t.Fatal(a, b)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	follow(Filter{}, bg)
	following(1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := j.Follow(bg, Filter{}, nil); err != nil {
		t.Fatal("a closed journal is followed:", err)
	}
}

// One who follows and does not take what comes holds nobody up, misses some, and is told how many.
func TestSlowFollower(t *testing.T) {
	j := open(t, Options{})
	begun, stop := make(chan struct{}), make(chan struct{})
	total, ended := 0, make(chan error, 1)
	go func() {
		first := true
		ended <- j.Follow(bg, Filter{}, func(h Hit) error {
			if first {
				first = false
				close(begun)
				<-stop
			}
			if total += 1 + h.Missed; h.ID == "E-0" {
				return errors.New("enough")
			}
			return nil
		})
	}()
	waitFor(t, func() bool { j.mu.RLock(); defer j.mu.RUnlock(); return len(j.follow) == 1 })
	put(t, j, line(1, ""))
	<-begun
	const many = followQueue + 500
	for i := range many {
		put(t, j, line(many-i, ""))
	}
	close(stop)
	waitFor(t, func() bool { j.mu.RLock(); defer j.mu.RUnlock(); return len(j.follow) == 0 || queueEmpty(j) })
	put(t, j, line(0, ""))
	if err := <-ended; err == nil || total != many+2 {
		t.Fatalf("%d of %d are accounted for, %v", total, many+2, err)
	}
}

func queueEmpty(j *Journal) bool {
	for f := range j.follow {
		return len(f.hits) == 0
	}
	return true
}

// Who may follow at once is bounded.
func TestMostFollowers(t *testing.T) {
	j := open(t, Options{})
	for range mostFollowers {
		go func() { _ = j.Follow(bg, Filter{}, func(Hit) error { return nil }) }() // it ends with the journal
	}
	waitFor(t, func() bool { j.mu.RLock(); defer j.mu.RUnlock(); return len(j.follow) == mostFollowers })
	if err := j.Follow(bg, Filter{}, nil); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
}

// What comes faster than it is kept is dropped and counted; whoever writes never waits.
func TestDropped(t *testing.T) {
	j := open(t, Options{})
	j.adding.Lock()
	for range queued + 100 {
		j.Write(&event.Record{Line: []byte(line(1, ""))})
	}
	j.adding.Unlock()
	if n := j.Stats().Dropped; n < 99 || n > 100 { // one may have been taken already
		t.Fatalf("%d are dropped", n)
	}
	waitFor(t, func() bool { return int64(j.Stats().Events)+j.Stats().Dropped == queued+100 })
}

// A disk that takes nothing keeps nobody from asking.
func TestDiskRefuses(t *testing.T) {
	dir, told := t.TempDir(), 0
	j := open(t, Options{Dir: dir, Error: func(error) { told++ }})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	put(t, j, line(1, ""))
	if got := idsOf(t, j, Filter{}); got != "1" || told == 0 {
		t.Fatal(got, told)
	}
	j.adding.Lock()
	j.seal()
	j.adding.Unlock()
	if s := j.Stats(); s.Lost != 1 || s.Events != 0 {
		t.Fatalf("%+v", s)
	}
}

// What a test sees of an event is its line as it was written.
func TestLineIsWhole(t *testing.T) {
	j := open(t, Options{})
	want := line(1, `,"rule.id":[1,2],"gateway.x":{"a":["ü",null]}`)
	put(t, j, want)
	hit, ok, err := j.Event(bg, "E-1")
	if err != nil || !ok || hit.Line != want || !json.Valid([]byte(hit.Line)) || strings.Join(hit.Rules(), " ") != "1 2" || hit.Get(Verdict) != Allowed {
		t.Fatalf("%+v %v %v", hit, ok, err)
	}
	if _, ok, err := j.Event(bg, "E-2"); ok || err != nil {
		t.Fatal(ok, err)
	}
}

func TestSettings(t *testing.T) {
	for _, s := range []Settings{{Keep: time.Minute}, {Keep: 400 * 24 * time.Hour}, {MaxEvents: 10}, {MaxEvents: 1e9}, {MaxSize: 10}} {
		if s.Check() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	if err := (Settings{}).Check(); err != nil {
		t.Error(err)
	}
}

package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Whatever is asked, the answer is what looking at each line gives: with segments on the disk and one that is being made.
func TestAnswersAsLines(t *testing.T) {
	j := open(t, Options{})
	const events = 9000
	tr := newTraffic(events, time.Now(), 48*time.Hour)
	var rows []row
	var all [][]byte
	var e ecs.Event
	for i := range events {
		l := slices.Clone(tr.next())
		j.adding.Lock()
		j.add(l, false)
		if i%2500 == 2499 {
			j.seal()
		}
		j.adding.Unlock()
		var r row
		if e.Parse(l) != nil || !r.read(&e) {
			t.Fatal(string(l))
		}
		rows, all = append(rows, r), append(all, l)
	}
	r := rand.New(rand.NewPCG(3, 4))
	some := func() *row { return &rows[r.IntN(len(rows))] }
	conds := []func() Cond{
		func() Cond { return Is(Client, some().values[Client]) },
		func() Cond { return Is(Client, "10.0.4.0/22") },
		func() Cond { return Is(Country, "!DE") },
		func() Cond { return Is(Verdict, Refused) },
		func() Cond { return Is(Rule, "942100") },
		func() Cond { return Is(Rule, "94*") },
		func() Cond { return Is(User, some().values[User]) },
		func() Cond { return Is(User, "!"+some().values[User]) },
		func() Cond { return Is(Path, "/api/rooms/room*") },
		func() Cond { return Is(Level, "medium") },
		func() Cond { return Is(Status, "404") },
		func() Cond { return Is(Action, "login") },
		func() Cond { return Is(Part, "limits") },
	}
	for n := range 80 {
		var f Filter
		for range r.IntN(3) {
			f.Conds = append(f.Conds, conds[r.IntN(len(conds))]())
		}
		if n%3 == 0 {
			f.From, f.To = time.UnixMicro(some().at), time.UnixMicro(some().at)
		}
		switch n % 5 {
		case 1:
			f.Text = []string{"libinjection", "Chrome/142", "nothing of the kind", some().id}[r.IntN(4)]
		case 2:
			f.Request = some().request
		}
		compare(t, j, f, rows, all)
	}
}

func compare(t *testing.T, j *Journal, f Filter, rows []row, all [][]byte) {
	t.Helper()
	var want []uint64
	by := map[string]int{}
	for i := len(rows) - 1; i >= 0; i-- {
		if f.holds(&rows[i], all[i]) {
			want = append(want, uint64(i))
			by[rows[i].values[Country]]++
		}
	}
	var got []uint64
	for after := ""; len(got) < 3000; {
		found, err := j.Find(bg, f, after, 700)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range found.Hits {
			if h.Line != string(all[h.Seq]) {
				t.Fatalf("%+v: event %d is %s", f, h.Seq, h.Line)
			}
			got = append(got, h.Seq)
		}
		if after = found.Next; after == "" {
			break
		}
	}
	if !slices.Equal(got, want[:min(len(want), len(got))]) || len(got) < min(len(want), 3000) {
		t.Fatalf("%+v: %d events, want %d", f, len(got), len(want))
	}
	if f.Request != "" {
		return // counted by marks
	}
	n, _, err := j.Count(bg, f)
	if err != nil || n != len(want) {
		t.Fatalf("%+v: counted %d, want %d: %v", f, n, len(want), err)
	}
	top, err := j.Top(bg, f, Country, 100)
	if err != nil || len(top.Values) != len(by) || top.Events != len(want) {
		t.Fatalf("%+v: %+v, want %v", f, top, by)
	}
	for i, v := range top.Values {
		if by[v.Name] != v.Count || i > 0 && top.Values[i-1].Count < v.Count {
			t.Fatalf("%+v: %+v, want %v", f, top, by)
		}
	}
	series(t, j, f, by, rows)
}

func series(t *testing.T, j *Journal, f Filter, by map[string]int, rows []row) {
	t.Helper()
	if f.From.IsZero() {
		f.From, f.To = time.UnixMicro(rows[0].at), time.UnixMicro(rows[len(rows)-1].at+1)
	}
	if !f.From.Before(f.To) {
		return
	}
	s, err := j.Series(bg, f, Country, max(f.To.Sub(f.From)/7, time.Millisecond), "DE", "FR")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range s.Names {
		sum, want := 0, by[name]
		for _, n := range s.Counts[i] {
			sum += n
		}
		if name == "" {
			for other, n := range by {
				if other != "DE" && other != "FR" {
					want += n
				}
			}
		}
		if sum != want {
			t.Fatalf("%+v: %q is %d, want %d", f, name, sum, want)
		}
	}
	if len(s.Times()) != len(s.Counts[0]) {
		t.Fatal(s.Times())
	}
}

// A page whose time is over says how far it came, and the next one goes on there: together they are all.
func TestPatience(t *testing.T) {
	j := open(t, Options{})
	tr := newTraffic(6000, time.Now(), time.Hour)
	j.adding.Lock()
	for i := range 6000 {
		j.add(tr.next(), false)
		if i%2000 == 1999 {
			j.seal()
		}
	}
	j.adding.Unlock()
	f := Filter{Text: "wrong password", Conds: []Cond{Is(Country, "DE")}}
	want, _, err := j.Count(bg, f)
	if err != nil || want == 0 {
		t.Fatal(want, err)
	}
	f.Patience = 1 // nanosecond: a piece at a time
	got, pages, after := 0, 0, ""
	for {
		found, err := j.Find(bg, f, after, MostHits)
		if err != nil {
			t.Fatal(err)
		}
		got, pages = got+len(found.Hits), pages+1
		if after = found.Next; after == "" {
			break
		}
		if found.Through.IsZero() && len(found.Hits) < MostHits {
			t.Fatal("it is not said that it was not all")
		}
	}
	if got != want || pages < 3 {
		t.Fatalf("%d events on %d pages, want %d", got, pages, want)
	}
	if n, part, err := j.Count(bg, f); err != nil || part.Through.IsZero() || n >= want {
		t.Fatal(n, part, err)
	}
}

// What can't be asked is refused.
func TestRefuses(t *testing.T) {
	j := open(t, Options{})
	put(t, j, line(1, ""))
	for _, after := range []string{"!", "-1", "1.5", "zzzzzzzzzzzzzzzzzzzz"} {
		if _, err := j.Find(bg, Filter{}, after, 1); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %v", after, err)
		}
	}
	for _, c := range []Cond{Is(Level, "very"), Is(Client, "10.0.0.0/99"), {Field: 200}} {
		if _, err := j.Find(bg, Filter{Conds: []Cond{c}}, "", 1); !errors.Is(err, ErrAsked) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	now := time.Now()
	for _, f := range []Filter{{}, {From: now, To: now}, {From: now.Add(-time.Hour), To: now}} {
		if _, err := j.Series(bg, f, Action, time.Second); !errors.Is(err, ErrAsked) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// What is held in memory of what was read is bounded, and leaves when nobody asks any more.
func TestMemoryIsBounded(t *testing.T) {
	now := time.Now()
	c := newCache(1000, func() time.Time { return now })
	for i := range 100 {
		c.put(cacheKey{uint64(i), "a"}, i, 100)
		if c.held() > 1000 {
			t.Fatal(c.held())
		}
	}
	c.put(cacheKey{1, "large"}, 1, 900)
	if c.get(cacheKey{99, "a"}) != 99 || c.get(cacheKey{1, "a"}) != nil || c.get(cacheKey{1, "large"}) != nil {
		t.Fatal("the last used are not what is held")
	}
	now = now.Add(time.Minute)
	c.get(cacheKey{98, "a"})
	c.idle(now)
	if c.held() != 100 {
		t.Fatal(c.held())
	}
}

// Whatever a segment's file, a log or a place holds, reading it ends, and gives no more than it has.
func FuzzRead(f *testing.F) {
	m := new(making)
	tr := newTraffic(10, time.Unix(1_800_000_000, 0), time.Hour)
	var e ecs.Event
	var r row
	for range 3 {
		l := tr.next()
		if e.Parse(l) != nil || !r.read(&e) {
			f.Fatal(string(l))
		}
		m.add(&r, l)
	}
	var whole bytes.Buffer
	if err := m.write(&whole, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add([]byte(logMagic + "\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte(fmt.Sprintf("%s{}\x02\x00\x00\x00\x00\x00\x00\x00", segmentMagic)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := openSegment(name); err == nil {
			p := &stored{segment: s, cache: newCache(1<<20, time.Now)}
			defer p.close()
			for field := range fields {
				if c, err := p.column(field); err == nil && len(c.codes) != s.Rows {
					t.Fatal(len(c.codes))
				}
			}
			l := &lines{p: p}
			for row := range uint32(s.Rows) {
				if _, err := l.get(row); err != nil {
					break
				}
			}
		}
		_, _, _ = readLog(bytes.NewReader(raw), 0, nil, func([]byte) {})
		_, _ = decodeColumn(raw, min(len(raw), segmentRows))
		if seq, err := parseCursor(string(raw)); err == nil && len(raw) > 0 && seq >= 1<<63 {
			t.Fatal(seq)
		}
		if is, err := Is(Rule, string(raw)).matcher(); err == nil {
			is("a b")
		}
		if is, err := Is(Client, string(raw)).matcher(); err == nil {
			is("10.0.0.1")
		}
	})
}

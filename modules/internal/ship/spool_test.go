package ship

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	// timberjack's own worker lives as long as the process; it belongs to the library.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).runScheduledRotations"),
		goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).millRun"))
}

func openSpool(t testing.TB, dir string, most int64) *Spool {
	t.Helper()
	s, _, err := OpenSpool(dir, most)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func numbered(from, to int) [][]byte {
	var all [][]byte
	for i := from; i < to; i++ {
		all = append(all, fmt.Appendf(nil, "line %d", i))
	}
	return all
}

// takeAll reads the spool empty.
func takeAll(t testing.TB, s *Spool) [][]byte {
	t.Helper()
	var all [][]byte
	for {
		lines, err := s.Next(7, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			return all
		}
		all = append(all, lines...)
		if err := s.Done(); err != nil {
			t.Fatal(err)
		}
	}
}

func mustAppend(t testing.TB, s *Spool, lines [][]byte) {
	t.Helper()
	if n, err := s.Append(lines); err != nil || n != len(lines) {
		t.Fatalf("took %d of %d: %v", n, len(lines), err)
	}
}

// What was not sent is there after the process, whatever half-written record it left; what was sent is not.
func TestSpoolOutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, 1<<20)
	mustAppend(t, s, numbered(0, 10))
	if lines, err := s.Next(4, 1<<20); err != nil || len(lines) != 4 {
		t.Fatal(len(lines), err)
	}
	if err := s.Done(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(3, 1<<20); err != nil { // given out, not taken
		t.Fatal(err)
	}
	s.closeFiles() // as a kill does: nothing is put in order
	f, err := os.OpenFile(segmentPath(dir, 1), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(appendRecord(nil, []byte("never acknowledged"))[:15]); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s, torn, err := OpenSpool(dir, 1<<20)
	if err != nil || torn != 15 {
		t.Fatal(torn, err)
	}
	mustAppend(t, s, numbered(10, 12))
	if got := takeAll(t, s); !equal(got, numbered(4, 12)) {
		t.Fatalf("%s", got)
	}
	if _, err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func equal(a, b [][]byte) bool {
	return bytes.Equal(bytes.Join(a, []byte("\n")), bytes.Join(b, []byte("\n")))
}

// A full spool keeps what it has, and says how much it took.
func TestSpoolIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, 1<<20)
	line := bytes.Repeat([]byte("x"), 10_000)
	taken := 0
	for {
		n, err := s.Append([][]byte{line, line, line})
		taken += n
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.Size() > 1<<20 || s.Size() < 900_000 || taken < 90 {
		t.Fatal(s.Size(), taken)
	}
	if got := len(takeAll(t, s)); got != taken {
		t.Fatalf("%d of %d", got, taken)
	}
	mustAppend(t, s, [][]byte{line}) // and there is room again
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(files) > 2 {
		t.Fatal(files, err)
	}
	if _, err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// While the disk is full, events wait in memory, within a bound, and behind those that the disk has.
func TestSpoolOnAFullDisk(t *testing.T) {
	s := openSpool(t, t.TempDir(), 64<<20)
	mustAppend(t, s, numbered(0, 3))
	good := s.head
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.head = full
	n, err := s.Append(numbered(3, 6))
	if n != 3 || err == nil {
		t.Fatalf("%d, %v: the disk took it", n, err)
	}
	line := bytes.Repeat([]byte("x"), 1<<19)
	held := 0
	for range 40 {
		n, _ := s.Append([][]byte{line})
		held += n
	}
	if held == 0 || held > mostInMemory/len(line) {
		t.Fatalf("%d MiB in memory", held/2)
	}
	lines, err := s.Next(5, 1<<20)
	if err != nil || !equal(lines, numbered(0, 3)) {
		t.Fatalf("%s %v", lines, err)
	}
	if err := s.Done(); err != nil {
		t.Fatal(err)
	}
	lines, err = s.Next(3, 1<<20)
	if err != nil || !equal(lines, numbered(3, 6)) {
		t.Fatalf("%s %v", lines, err)
	}
	s.head = good // the disk has room again, while those are being sent
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := s.Done(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, numbered(6, 8))
	if len(s.memory) != 0 {
		t.Fatal("still in memory")
	}
	if got := takeAll(t, s); len(got) != held+2 || !equal(got[held:], numbered(6, 8)) {
		t.Fatal(len(got), held)
	}
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Close(); left != 0 || err != nil {
		t.Fatal(left, err)
	}
}

// A changed byte costs what follows it in its segment, is counted, and stops nothing.
func TestSpoolPassesOverDamage(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, 1<<20)
	big := bytes.Repeat([]byte("x"), 60_000)
	for i := range 8 {
		mustAppend(t, s, [][]byte{append(fmt.Appendf(nil, "%d ", i), big...)})
	}
	first := segmentPath(dir, s.segments[0].number)
	raw, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	raw[100] ^= 1
	if err := os.WriteFile(first, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	got := takeAll(t, s)
	if len(got) == 0 || len(got) == 8 || s.takeDamaged() != 1 || s.takeDamaged() != 0 || got[len(got)-1][0] != '7' {
		t.Fatal(len(got))
	}
	if _, err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSpoolHasOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, 1<<20)
	if _, err := lockFolder(dir, 0); err == nil {
		t.Fatal("two have it")
	}
	if _, err := s.Close(); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockFolder(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// Whatever is appended, taken and given out again, over crashes and ends: first in, first out, each once.
func TestSpoolModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir := t.TempDir()
		s := openSpool(t, dir, 1<<20)
		defer func() { s.closeFiles() }()
		var model [][]byte
		given, n := 0, 0
		r.Repeat(map[string]func(*rapid.T){
			"append": func(r *rapid.T) {
				var lines [][]byte
				for range rapid.IntRange(1, 5).Draw(r, "lines") {
					lines = append(lines, append(fmt.Appendf(nil, "%d ", n), bytes.Repeat([]byte("y"), rapid.IntRange(0, 60_000).Draw(r, "size"))...))
					n++
				}
				taken, err := s.Append(lines)
				if err != nil && !errors.Is(err, ErrFull) {
					r.Fatal(err)
				}
				model = append(model, lines[:taken]...)
			},
			"next": func(r *rapid.T) {
				lines, err := s.Next(rapid.IntRange(1, 9).Draw(r, "most"), rapid.IntRange(1, 200_000).Draw(r, "bytes"))
				if err != nil || len(lines) > len(model) || !equal(lines, model[:len(lines)]) || len(lines) == 0 && len(model) > 0 {
					r.Fatalf("%d of %d: %v", len(lines), len(model), err)
				}
				given = len(lines)
			},
			"done": func(r *rapid.T) {
				if given == 0 {
					return
				}
				if err := s.Done(); err != nil {
					r.Fatal(err)
				}
				model, given = model[given:], 0
			},
			"crash": func(r *rapid.T) {
				s.closeFiles()
				s, given = openSpool(t, dir, 1<<20), 0
			},
			"": func(r *rapid.T) {
				if s.waiting() < 0 || s.waiting() > 1<<20 {
					r.Fatal(s.waiting())
				}
			},
		})
	})
}

// Whatever the files hold: no panic, no line that was not written whole, and the spool goes on.
func FuzzSpool(f *testing.F) {
	whole := appendRecord(appendRecord(nil, []byte("one")), []byte("two"))
	f.Add(whole, []byte{})
	f.Add(whole[:len(whole)-1], []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0}, []byte("position"))
	f.Fuzz(func(t *testing.T, raw, position []byte) {
		dir := t.TempDir()
		for name, b := range map[string][]byte{segmentPath(dir, 1): raw, segmentPath(dir, 2): raw, filepath.Join(dir, "position"): position} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := openSpool(t, dir, 1<<20)
		mustAppend(t, s, [][]byte{[]byte("last")})
		got := takeAll(t, s)
		if len(got) == 0 || string(got[len(got)-1]) != "last" {
			t.Fatalf("%q", got)
		}
		for _, line := range got[:len(got)-1] {
			if !bytes.Contains(raw, appendRecord(nil, line)) {
				t.Fatalf("%q was never written", line)
			}
		}
		if _, err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

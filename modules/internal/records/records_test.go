package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ring(t testing.TB) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// note is a record.
type note struct {
	ID, Text string
}

func (n *note) Encode() ([]byte, error) { return json.Marshal(n) }
func (n *note) Weight() int64           { return int64(len(n.Text)) }

func sample(text string) *note { return &note{"/api/x", text} }

// write puts the records into files of a folder.
func write(t testing.TB, o Options, all ...Record) *Writer {
	t.Helper()
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if !w.Put(r) {
			t.Fatal("dropped")
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	names, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t testing.TB, dir string, keys Sealer) (all []*note) {
	t.Helper()
	for _, name := range files(t, dir) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		err = Read(f, "", keys, func(b []byte) error {
			n := new(note)
			all = append(all, n)
			return json.Unmarshal(b, n)
		})
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Every single altered byte, another order, a record less in the middle and another file's record are seen.
func TestTamperedIsRefused(t *testing.T) {
	keys, dir := ring(t), t.TempDir()
	write(t, Options{Dir: dir, Keys: keys, Keep: time.Hour, Size: 1 << 20}, sample("one"), sample("two"), sample("three"))
	name := files(t, dir)[0]
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(whole, []byte("/api/x")) {
		t.Error("it is not encrypted")
	}
	count := func(b []byte, keys Sealer) (n int, err error) {
		err = Read(bytes.NewReader(b), "", keys, func([]byte) error { n++; return nil })
		return n, err
	}
	if n, err := count(whole, keys); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if n, err := count(b, keys); err == nil {
			t.Fatalf("byte %d altered: %d records", i, n)
		}
	}
	head := len(magic) + idSize
	length := func(at int) int { return 4 + int(whole[at+2])<<8 + int(whole[at+3]) }
	one, two := whole[head:head+length(head)], whole[head+length(head):]
	two = two[:length(head+len(one))]
	three := whole[head+len(one)+len(two):]
	for what, b := range map[string][]byte{
		"order": bytes.Join([][]byte{whole[:head], two, one, three}, nil),
		"gap":   bytes.Join([][]byte{whole[:head], one, three}, nil),
		"twice": bytes.Join([][]byte{whole[:head], one, one, two, three}, nil),
		"other": append(append([]byte(magic), make([]byte, idSize)...), whole[head:]...),
	} {
		if _, err := count(b, keys); err == nil {
			t.Errorf("%s: not seen", what)
		}
	}
	if n, err := count(whole[:len(whole)-1], keys); n != 2 || !errors.Is(err, ErrTorn) {
		t.Errorf("torn: %d %v", n, err)
	}
	if err := Read(bytes.NewReader(whole), "other", keys, func([]byte) error { return nil }); err == nil {
		t.Error("read as another kind")
	}
	if n, err := count(whole, ring(t)); n != 0 || err == nil {
		t.Errorf("another ring: %d %v", n, err)
	}
}

func TestExpiry(t *testing.T) {
	keys, dir := ring(t), t.TempDir()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	o := Options{Dir: dir, Keys: keys, Keep: 7 * 24 * time.Hour, Size: 1 << 30, Now: func() time.Time { return now }}
	stranger := filepath.Join(dir, "capture-notes.txt")
	if err := os.WriteFile(stranger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 10 { // a file a day
		write(t, o, sample("x"))
		now = now.Add(24 * time.Hour)
	}
	write(t, o)
	names := files(t, dir)
	if len(names) != 6 { // 1 to 6 days old; the one of 7 days is gone, and so all before
		t.Errorf("%d files: %q", len(names), names)
	}
	now = now.Add(6 * 24 * time.Hour)
	write(t, o)
	if names := files(t, dir); len(names) != 0 {
		t.Errorf("%q", names)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Error("another file was removed")
	}
}

// Files expire in a gateway that gets no requests, too.
func TestExpiryWithoutTraffic(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(Options{Dir: dir, Keys: ring(t), Keep: 2 * time.Second, Size: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Put(sample("x"))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if n, _ := w.Counts(); n == 1 && len(files(t, dir)) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it is still there")
		}
	}
}

func TestSizeCap(t *testing.T) {
	keys, dir := ring(t), t.TempDir()
	const size = 1 << 20
	o := Options{Dir: dir, Keys: keys, Keep: time.Hour, Size: size}
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		r := sample(strings.Repeat("x", 20_000))
		r.ID = fmt.Sprint(i)
		for !w.Put(r) {
			time.Sleep(time.Millisecond)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, s := range all {
		total += s.size
	}
	if total > size || total < size/2 {
		t.Errorf("%d bytes in %d files", total, len(all))
	}
	got := read(t, dir, keys)
	if len(got) == 300 {
		t.Error("every record is kept")
	}
	for i, r := range got {
		if want := fmt.Sprint(300 - len(got) + i); r.ID != want {
			t.Fatalf("record %d of %d is %s, want %s: the newest ones in the order they came", i, len(got), r.ID, want)
		}
	}
}

// blocked is a key ring that waits.
type blocked struct{ wait chan struct{} }

func (b blocked) Seal(plain []byte, _ string) ([]byte, error) { <-b.wait; return plain, nil }
func (b blocked) Unseal(p []byte, _ string) ([]byte, error)   { return p, nil }

func TestPutNeverWaits(t *testing.T) {
	b := blocked{make(chan struct{})}
	w, err := Open(Options{Dir: t.TempDir(), Keys: b, Keep: time.Hour, Size: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 2 * queueLen {
		w.Put(sample("x"))
	}
	big := strings.Repeat("x", 1<<20)
	for range 2 * queueBytes >> 20 {
		w.Put(sample(big))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	_, dropped := w.Counts()
	if dropped < queueLen {
		t.Errorf("%d dropped", dropped)
	}
	close(b.wait)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	written, dropped := w.Counts()
	if written+dropped != 2*queueLen+2*queueBytes>>20 {
		t.Errorf("%d written and %d dropped", written, dropped)
	}
	if w.Put(sample("x")) {
		t.Error("a closed writer took a record")
	}
}

func TestDiskErrorsAreCountedAndTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub")
	var told error
	w, err := Open(Options{Dir: dir, Keys: ring(t), Keep: time.Hour, Size: 1 << 30, Error: func(err error) { told = err }})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	w.Put(sample("x"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, dropped := w.Counts(); dropped != 1 || told == nil {
		t.Errorf("%d dropped, %v", dropped, told)
	}
	if _, err := Open(Options{Dir: filepath.Join(files2(t), "x")}); err == nil {
		t.Error("a folder that can't be made is no error")
	}
}

// files2 is a path that can't be a folder, also for root.
func files2(t *testing.T) string {
	p := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(p, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// open is no encryption: it shows the parser what an attacker with the keys could write.
type open struct{}

func (open) Seal(p []byte, _ string) ([]byte, error)   { return p, nil }
func (open) Unseal(p []byte, _ string) ([]byte, error) { return p, nil }

func FuzzRead(f *testing.F) {
	head := magic + strings.Repeat("i", idSize)
	f.Add([]byte(head + "\x00\x00\x00\x02{}"))
	f.Add([]byte(head + "\xff\xff\xff\xff"))
	f.Add([]byte(head + "\x00\x70\x00\x00{"))
	f.Add([]byte("GW"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		_ = Read(bytes.NewReader(b), "", open{}, func([]byte) error { n++; return nil })
		if n > len(b)/4 {
			t.Errorf("%d records in %d bytes", n, len(b))
		}
	})
}

package spool

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func store(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Free == 0 {
		o.Free = 1
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func file(t testing.TB, s *Store, client string) *File {
	t.Helper()
	f, err := s.New(client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
}

func TestWhatIsWrittenIsReadAtAnyPlace(t *testing.T) {
	s := store(t, Options{})
	content := random(5*Chunk + 1000)
	rapid.Check(t, func(t *rapid.T) {
		f, err := s.New("a")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		size := rapid.IntRange(0, len(content)).Draw(t, "size")
		for at := 0; at < size; {
			n := min(rapid.IntRange(1, 2*Chunk).Draw(t, "piece"), size-at)
			if _, err := f.Write(content[at : at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
		}
		for range 5 {
			at := rapid.IntRange(0, size).Draw(t, "at")
			p := make([]byte, rapid.IntRange(0, 3*Chunk).Draw(t, "length"))
			n, err := f.ReadAt(p, int64(at))
			want := content[at:min(at+len(p), size)]
			if !bytes.Equal(p[:n], want) || (n < len(p)) != (err == io.EOF) || err != nil && err != io.EOF {
				t.Fatalf("at %d of %d: %d bytes of %d, %v", at, size, n, len(want), err)
			}
		}
	})
	if used := s.Used(); used != 0 {
		t.Errorf("%d bytes are taken by nobody", used)
	}
}

// While a file is there: it has no name, and the disk has nothing that can be read.
func TestTheDiskHoldsNoNameAndNoPlaintext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	f := file(t, store(t, Options{Dir: dir}), "a")
	secret := []byte("a secret of the person who sends it. ")
	if _, err := f.Write(bytes.Repeat(secret, 10_000)); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("the folder has %v, %v", names, err)
	}
	raw := make([]byte, Offset(f.full))
	if _, err := f.disk.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, secret[:12]) {
		t.Error("the disk holds plaintext")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestWhatWasAlteredOnDiskIsNotRead(t *testing.T) {
	f := file(t, store(t, Options{}), "a")
	if _, err := f.Write(random(3 * Chunk)); err != nil {
		t.Fatal(err)
	}
	// The second chunk in the place of the first.
	moved := make([]byte, Chunk+overhead)
	if _, err := f.disk.ReadAt(moved, Offset(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.disk.WriteAt(moved, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := f.ReadAt(make([]byte, 10), 0); n > 0 || err == nil {
		t.Errorf("a chunk was read in the place of another: %d, %v", n, err)
	}
	if _, err := f.ReadAt(make([]byte, 10), Chunk); err != nil {
		t.Error(err)
	}
}

func TestRoomIsBoundedForAllAndForOne(t *testing.T) {
	s := store(t, Options{Quota: 4 * step})
	fill := func(client string) error {
		_, err := file(t, s, client).Write(make([]byte, step+2*Chunk))
		return err
	}
	if err := fill("a"); err != nil {
		t.Fatal(err)
	}
	if err := fill("a"); !errors.Is(err, ErrShare) {
		t.Errorf("a second of the same client: %v, want ErrShare", err)
	}
	if err := fill("b"); err != nil {
		t.Error(err)
	}
	if err := fill("c"); !errors.Is(err, ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	if _, err := file(t, s, "c").Write(make([]byte, Chunk)); err != nil {
		t.Errorf("a short one, which needs no disk: %v", err)
	}
}

// What Holds says is what happens, to the byte.
func TestHolds(t *testing.T) {
	const quota = 4 * step
	largest := int64(2*step/(Chunk+overhead)+1) * Chunk // the last chunk is never on disk
	for size, want := range map[int64]bool{0: true, 1: true, Chunk: true, step: true, largest: true, largest + 1: false, 3 * step: false} {
		if got := Holds(quota, size); got != want {
			t.Errorf("%d: %t, want %t", size, got, want)
		}
		if _, err := file(t, store(t, Options{Quota: quota}), "a").Write(make([]byte, size)); (err == nil) != want {
			t.Errorf("%d: %v, want %t", size, err, want)
		}
	}
}

func TestTheDiskIsLeftRoom(t *testing.T) {
	s := store(t, Options{Free: 1 << 60})
	if _, err := file(t, s, "a").Write(make([]byte, 3*Chunk)); !errors.Is(err, ErrNoDisk) {
		t.Errorf("%v, want ErrNoDisk", err)
	}
}

func TestAClosedFileGivesNothing(t *testing.T) {
	f := file(t, store(t, Options{}), "a")
	if _, err := f.Write(random(3 * Chunk)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := f.ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestManyReadOneFile(t *testing.T) {
	content := random(4*Chunk + 7)
	f := file(t, store(t, Options{}), "a")
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wait.Wait()
}

func TestKeysHaveTheirLength(t *testing.T) {
	if _, err := NewBox([]byte(strings.Repeat("k", 16))); err == nil {
		t.Error("a short key is taken")
	}
}

// A long file takes no more memory than a short one.
func TestLongFilesTakeLittleMemory(t *testing.T) {
	f := file(t, store(t, Options{}), "a")
	piece := make([]byte, 32<<10)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 64 << 20 / len(piece) {
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, f.Size())); err != nil || n != 64<<20 {
		t.Fatal(n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("64 MiB took %d bytes of memory", grown)
	}
}

func BenchmarkWrite(b *testing.B) {
	s := store(b, Options{})
	piece := make([]byte, 1<<20)
	b.SetBytes(int64(len(piece)))
	f := file(b, s, "a")
	written := 0
	for b.Loop() {
		if written == 512 { // the disk is not the benchmark's to fill
			b.StopTimer()
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
			f, written = file(b, s, "a"), 0
			b.StartTimer()
		}
		if _, err := f.Write(piece); err != nil {
			b.Fatal(err)
		}
		written++
	}
}

func BenchmarkRead(b *testing.B) {
	f := file(b, store(b, Options{}), "a")
	if _, err := f.Write(make([]byte, 16<<20)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(f.Size())
	for b.Loop() {
		if _, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, f.Size())); err != nil {
			b.Fatal(err)
		}
	}
}

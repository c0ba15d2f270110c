package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	for _, c := range []struct {
		all  []Finding
		code int
	}{
		{[]Finding{ok("a", "x")}, 0},
		{[]Finding{ok("a", "x"), warn("b", "y", "z")}, 1},
		{[]Finding{warn("b", "y", "z"), fail("c", "y", "z"), ok("a", "x")}, 2},
	} {
		r := NewReport(time.Unix(1.8e9, 0), "test", c.all)
		if r.ExitCode() != c.code {
			t.Errorf("%+v: %d", c.all, r.ExitCode())
		}
		var b bytes.Buffer
		if err := r.JSON(&b); err != nil || !json.Valid(b.Bytes()) {
			t.Error(err, b.String())
		}
	}
	var b bytes.Buffer
	r := NewReport(time.Unix(1.8e9, 0), "test", []Finding{fail("c", "do it", "a server said\nok    forged   all is well\x1b[2K"), ok("a", "x")})
	if err := r.Text(&b, false); err != nil || strings.Contains(b.String(), "\nok ") || strings.Contains(b.String(), "\x1b") || !strings.Contains(b.String(), "1 ok, 0 to look at, 1 wrong") {
		t.Error(err, b.String())
	}
}

func TestFolders(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	keys := filepath.Join(data, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(data, "gateway.db")
	if err := os.WriteFile(db, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wellBut(t, Folders(data, keys, db))
	finds(t, Folders(filepath.Join(data, "none"), keys, db), "data-folder", Warn, "is not there")
	finds(t, Folders(db, keys, db), "data-folder", Fail, "is no folder")
	if err := os.Chmod(db, 0o644); err != nil {
		t.Fatal(err)
	}
	finds(t, Folders(data, keys, db), "file-modes", Fail, db)
	if err := os.Chmod(db, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // nobody else can give files away
		if err := os.Chown(db, 4711, 4711); err != nil {
			t.Fatal(err)
		}
		finds(t, Folders(data, keys, db), "file-owners", Fail, db)
	}
	if left, err := filepath.Glob(filepath.Join(data, ".doctor*")); err != nil || len(left) > 0 {
		t.Error("left", left, err)
	}
}

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		s    Space
		need uint64
		want State
	}{
		{Space{50 << 30, 100 << 30, 5, 10}, 1 << 30, OK},
		{Space{50 << 30, 100 << 30, 0, 0}, 0, OK}, // a file system that counts no files
		{Space{50 << 30, 100 << 30, 5, 10}, 60 << 30, Warn},
		{Space{5 << 30, 100 << 30, 5, 10}, 0, Warn},
		{Space{500 << 20, 1 << 30, 5, 10}, 0, Warn},
		{Space{50 << 20, 1 << 30, 5, 10}, 0, Fail},
		{Space{50 << 30, 100 << 30, 0, 1000}, 0, Fail},
	} {
		if f := Room("disk", "/x", c.s, c.need); f.State != c.want {
			t.Errorf("%+v: %+v", c.s, f)
		}
	}
	if s, err := SpaceOf(t.TempDir()); err != nil || s.Of == 0 {
		t.Error(s, err)
	}
}

func TestSkew(t *testing.T) {
	at := time.Unix(1.8e9, 0)
	for _, c := range []struct {
		took, ahead time.Duration
		want        State
	}{
		{time.Millisecond, 0, OK}, {time.Millisecond, time.Second, OK}, {time.Millisecond, -5 * time.Second, Warn}, {time.Millisecond, 5 * time.Second, Warn},
		{time.Millisecond, time.Hour, Fail}, {time.Millisecond, -time.Minute, Fail},
		{20 * time.Second, 9 * time.Second, OK}, // what the way took can't be told from a difference
	} {
		if f := Skew("clock", "Redis", at, at.Add(c.took), at.Add(c.took/2+c.ahead)); f.State != c.want {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

func TestSynchronized(t *testing.T) {
	finds(t, []Finding{Synchronized(Kernel{true, time.Millisecond}, nil)}, "clock-ntp", OK, "1ms")
	finds(t, []Finding{Synchronized(Kernel{}, nil)}, "clock-ntp", Warn, "nobody sets the clock")
	finds(t, []Finding{Synchronized(Kernel{}, errors.New("forbidden"))}, "clock-ntp", Warn, "not known")
	if _, err := KernelClock(); err != nil {
		t.Log("this kernel does not tell:", err)
	}
}

func TestLimits(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const backlog, memory = "proc/sys/net/core/somaxconn", "sys/fs/cgroup/memory.max"
	write(backlog, "4096")
	write(memory, "max")
	m := Machine{Root: root, Descriptors: 1 << 20, MemoryLimit: math.MaxInt64}
	wellBut(t, m.Limits())
	write(backlog, "128")
	finds(t, m.Limits(), "limit-backlog", Warn, "128")
	write(memory, "1073741824")
	finds(t, m.Limits(), "limit-memory", Warn, "Go knows nothing")
	m.MemoryLimit = 2 << 30
	finds(t, m.Limits(), "limit-memory", Fail, "above")
	m.MemoryLimit = 900 << 20
	finds(t, m.Limits(), "limit-memory", OK, "1024 MiB")
	write(memory, "67108864")
	finds(t, m.Limits(), "limit-memory", Warn, "64 MiB")
	m.Descriptors = 4096
	finds(t, m.Limits(), "limit-files", Warn, "4096")
	m.Descriptors = 256
	finds(t, m.Limits(), "limit-files", Fail, "256")
	if this := ThisMachine(); this.Descriptors == 0 || this.MemoryLimit <= 0 {
		t.Errorf("%+v", this)
	}
}

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// filled starts the demo once, so that it makes its people, fills its data folder, and starts it again.
func filled(t kit.T, o options) *kit.Node {
	t.Helper()
	data := filepath.Join(t.TempDir(), "demo")
	first := kit.Demo(t, kit.DemoOptions{Data: data})
	if code := first.Process.Stop(t); code != 0 {
		t.Fatalf("the demo ended with %d", code)
	}
	now := time.Now().UTC()
	dir := t.TempDir()
	events, findings := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "findings.jsonl")
	simulate(t, o, now, events)
	replay(t, events, findings)
	command(t, "go", "run", "./modules/console/seed", "-data", data, "-events", events, "-findings", findings)
	return kit.Demo(t, kit.DemoOptions{Data: data, Addr: first.Addr})
}

// simulate writes the last events of some days until now, with as many people as that takes.
func simulate(t kit.T, o options, now time.Time, file string) {
	t.Helper()
	days := max(1, min(6, o.events/150_000))
	for users := max(20, o.events/1000); ; users *= 2 {
		command(t, "go", "run", "./test/simulate", "-seed", strconv.FormatUint(o.seed, 10), "-days", strconv.Itoa(days), "-users", strconv.Itoa(users),
			"-start", now.Add(-time.Duration(days)*24*time.Hour).Format(time.RFC3339), "-out", file)
		if skip(t, file, o.events) {
			return
		}
	}
}

// replay writes what detection finds in them.
func replay(t kit.T, events, findings string) {
	t.Helper()
	out, err := os.Create(findings)
	if err != nil {
		t.Fatalf("findings: %v", err)
	}
	defer out.Close()
	cmd := exec.Command(kit.Binaries(t).Gateway, "detect", "replay", events, "--json")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("detect replay: %v", err)
	}
}

// skip leaves the last n lines in a file, and tells whether there were as many.
func skip(t kit.T, file string, n int) bool {
	t.Helper()
	lines := 0
	each(t, file, func([]byte) { lines++ })
	if lines <= n {
		return lines == n
	}
	out, err := os.Create(file + ".new")
	if err != nil {
		t.Fatalf("events: %v", err)
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	each(t, file, func(line []byte) {
		if lines--; lines < n {
			_, _ = w.Write(line) // an error stays, and Flush tells it
		}
	})
	if err := w.Flush(); err != nil {
		t.Fatalf("events: %v", err)
	}
	if err := os.Rename(out.Name(), file); err != nil {
		t.Fatalf("events: %v", err)
	}
	return true
}

func each(t kit.T, file string, do func(line []byte)) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatalf("events: %v", err)
	}
	defer in.Close()
	for r := bufio.NewReaderSize(in, 1<<20); ; {
		line, err := r.ReadSlice('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("events: %v", err)
		}
		do(line)
	}
}

func command(t kit.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = kit.Root(t), os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
}

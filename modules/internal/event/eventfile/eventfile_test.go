package eventfile

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func collect(into *[]string) func([]byte) bool {
	return func(line []byte) bool {
		s := strings.TrimSpace(string(line))
		*into = append(*into, s)
		return strings.HasPrefix(s, "{")
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte("{1}\n\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.jsonl.gz": z.String(), "b.jsonl": "{2}\nno\n" + strings.Repeat("x", longestLine+70_000) + "\n{3}", "c.txt": "{4}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if unreadable, err := Read(dir, nil, collect(&got)); err != nil || unreadable != 2 || strings.Join(got, " ") != "{1} {2} no {3}" {
		t.Errorf("%q %d %v", got, unreadable, err)
	}
	got = nil
	if unreadable, err := Read("-", strings.NewReader("{5}"), collect(&got)); err != nil || unreadable != 0 || len(got) != 1 {
		t.Errorf("%q %d %v", got, unreadable, err)
	}
	for _, name := range []string{filepath.Join(dir, "nothing"), t.TempDir()} {
		if _, err := Read(name, nil, collect(&got)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n{}"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines := 0
		unreadable, err := Lines(bytes.NewReader(raw), func([]byte) bool {
			lines++
			return true
		})
		if err == nil && !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) && (unreadable > 0 || lines > bytes.Count(raw, []byte("\n"))+1) {
			t.Errorf("%q: %d lines, %d unreadable", raw, lines, unreadable)
		}
	})
}

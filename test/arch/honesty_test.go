package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Nothing is left for later and no test steps aside: what is missing fails.
func TestNothingIsLeftForLater(t *testing.T) {
	// Written apart so that this file does not find itself.
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	skip := regexp.MustCompile(`\b[tbf]\.(Skip|SkipNow|Skipf)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") && name != ".ci" || name == "bin" || name == "testdata" || name == "demo-data") {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".rego", ".caddy", ".Caddyfile", ".sh", ".js", ".css", ".html", ".sql", "":
		default:
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if m := later.Find(b); m != nil {
			t.Errorf("%s holds a %s", path, m)
		}
		if strings.HasSuffix(path, "_test.go") {
			if m := skip.Find(b); m != nil && !strings.HasSuffix(path, "honesty_test.go") {
				t.Errorf("%s skips a test: %s", path, m)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A fuzz target behind a build tag that nothing builds would never run.
func TestFuzzTargetsAreAlwaysBuilt(t *testing.T) {
	fuzz := regexp.MustCompile(`(?m)^func Fuzz[A-Z]`)
	tag := regexp.MustCompile(`(?m)^//go:build `)
	err := filepath.WalkDir(root, func(f string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(f, "_test.go") {
			return err
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if fuzz.Match(b) && tag.Match(b) {
			t.Errorf("%s: fuzz targets behind a build tag", f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pattern is a folder of packages as the Makefile hands them to `go test`.
var pattern = regexp.MustCompile(`\./([a-z0-9/_-]+)/\.\.\.`)

// A test that `make test` does not run shows nothing.
func TestEveryTestIsRun(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var run []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "UNIT ") || strings.HasPrefix(line, "\t") && strings.Contains(line, "go test") {
			for _, m := range pattern.FindAllStringSubmatch(line, -1) {
				run = append(run, module+"/"+m[1])
			}
		}
	}
	tested := 0
	for _, p := range packages(t) {
		if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
			continue
		}
		tested++
		if !within(p.ImportPath, run) {
			t.Errorf("%s has tests that the Makefile does not run", p.ImportPath)
		}
	}
	if tested < 50 {
		t.Errorf("%d packages with tests: the list is wrong", tested)
	}
}

// within tells whether the package is one of the folders, or below one.
func within(pkg string, folders []string) bool {
	for _, f := range folders {
		if pkg == f || strings.HasPrefix(pkg, f+"/") {
			return true
		}
	}
	return false
}

package metrics

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var nameOfMetric = regexp.MustCompile("[\"`](gateway_[a-z0-9_]*)[\"`]")

// missing are the names of metrics that stand anywhere in the code below root, and that a scan has not found: declared in a way that it can't read.
func missing(root string, found []metric) (names []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, m := range nameOfMetric.FindAllSubmatch(raw, -1) {
			if name := string(m[1]); !slices.ContainsFunc(found, func(m metric) bool { return m.Name == name }) {
				names = append(names, name)
			}
		}
		return err
	})
	return names, err
}

// No metric of the program escapes the page: each module of the build is below the folder that is scanned, and no name stands in the code that the scan does not find.
func TestDocumentMissesNone(t *testing.T) {
	all, err := scan("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"../..", "../../../cmd/convosphere"} {
		if names, err := missing(root, all); err != nil || len(names) > 0 {
			t.Errorf("%s: the page of metrics misses %q: %v", root, names, err)
		}
	}
	imports, err := parser.ParseFile(token.NewFileSet(), "../../standard/imports.go", nil, parser.ImportsOnly)
	if err != nil || len(imports.Imports) < 15 {
		t.Fatal(imports, err)
	}
	for _, i := range imports.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		folder, below := strings.CutPrefix(path, "github.com/convosphere/gateway/modules/")
		if err != nil || !below {
			t.Errorf("%s is not below the folder that is scanned", i.Path.Value)
			continue
		}
		if _, err := os.Stat(filepath.Join("../..", folder)); err != nil {
			t.Error(err)
		}
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	code := "package p\nvar a = prometheus.NewGauge(prometheus.GaugeOpts{Name: \"gateway_a\", Help: \"A.\"})\n" +
		"var o = prometheus.GaugeOpts{Name: \"gateway_hidden\", Help: \"B.\"}\nvar b = prometheus.NewGauge(o)\nvar c = \"gateway_\" + name\n"
	if err := os.WriteFile(dir+"/p.go", []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := missing(dir, all); err != nil || !slices.Equal(names, []string{"gateway_hidden", "gateway_"}) {
		t.Errorf("%q %v", names, err)
	}
}

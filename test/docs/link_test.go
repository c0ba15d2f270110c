package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("`[^`]*`")
)

// markdown are all pages of the repository.
func markdown(t *testing.T) []page {
	t.Helper()
	var pages []page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || slices.Contains([]string{"bin", "testdata", "node_modules", "demo-data"}, d.Name())) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			pages = append(pages, read(t, rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 25 {
		t.Fatalf("found %d pages", len(pages))
	}
	return pages
}

// Every relative link of every page leads to a file, and to a heading of it where it names one.
func TestNoLinkIsDead(t *testing.T) {
	pages := markdown(t)
	anchors := map[string][]string{}
	for _, p := range pages {
		anchors[p.path] = p.anchors()
	}
	checked := 0
	for _, p := range pages {
		for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			file := p.path
			if target != "" {
				file = filepath.Join(filepath.Dir(p.path), filepath.FromSlash(target))
			}
			info, err := os.Stat(filepath.Join(root, file))
			if err != nil {
				t.Errorf("%s: a dead link: %s", p.path, m[1])
				continue
			}
			if info.IsDir() { // a folder shows its README
				file = filepath.Join(file, "README.md")
			}
			if anchor != "" && !slices.Contains(anchors[file], anchor) {
				t.Errorf("%s: %s has no such heading; it has %q", p.path, m[1], anchors[file])
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links found", checked)
	}
}

// prose is the page without its examples and code.
func (p page) prose() string {
	var b strings.Builder
	fenced := false
	for line := range strings.Lines(p.text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if !fenced {
			b.WriteString(line)
		}
	}
	return code.ReplaceAllStringFunc(b.String(), func(s string) string { return "`" + strings.Repeat(" ", max(len(s)-2, 0)) + "`" })
}

// anchors are the names of the page's headings, as GitHub makes them.
func (p page) anchors() (all []string) {
	seen := map[string]int{}
	for _, h := range p.heads {
		a := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, link.ReplaceAllString(h, "]"))
		n := seen[a]
		seen[a]++
		if n > 0 {
			a += "-" + string(rune('0'+n))
		}
		all = append(all, a)
	}
	return all
}

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the top of the repository: a test runs in its package's folder.
var root = filepath.Join("..", "..")

// page is a Markdown file as its readers see it.
type page struct {
	path   string // from the top of the repository
	text   string
	blocks []block
	heads  []string // headings, without their #
}

// block is a fenced example.
type block struct {
	line int    // of its fence
	lang string // the first word of the fence
	info string // the other words
	text string
}

// read splits a page into its headings and examples.
func read(t *testing.T, path string) page {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	p := page{path: path, text: string(raw)}
	var open *block
	for i, line := range strings.Split(p.text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			lang, info, _ := strings.Cut(fence, " ")
			open = &block{line: i + 1, lang: lang, info: info}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		default:
			if head := heading.FindStringSubmatch(line); head != nil {
				p.heads = append(p.heads, head[1])
			}
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the example has no end", path, open.line)
	}
	return p
}

var heading = regexp.MustCompile(`^#{1,6} (.*)$`)

// guides are the pages of docs/ and the README.
func guides(t *testing.T) []page {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 3 {
		t.Fatalf("docs/ has %d pages", len(found))
	}
	pages := []page{read(t, "README.md")}
	for _, f := range found {
		pages = append(pages, read(t, filepath.Join("docs", filepath.Base(f))))
	}
	return pages
}

// of are the examples of a language.
func (p page) of(lang string) (all []block) {
	for _, b := range p.blocks {
		if b.lang == lang {
			all = append(all, b)
		}
	}
	return all
}

// ways are the languages of examples, each with the test that runs them.
var ways = map[string]string{
	"caddyfile": "TestCaddyfiles", "rego": "TestPolicies", "json": "TestData", "yaml": "TestData",
	"sh": "TestShell", "console": "TestShell", "js": "TestPrograms", "python": "TestPrograms", "go": "TestPrograms",
	"text": "", // what a program prints, or a drawing: nothing that could run
}

// No example escapes: what no test knows how to run is refused.
func TestEveryExampleIsOfALanguageThatIsRun(t *testing.T) {
	for _, p := range guides(t) {
		for _, b := range p.blocks {
			if _, ok := ways[b.lang]; !ok {
				t.Errorf("%s:%d: nothing runs an example in %q", p.path, b.line, b.lang)
			}
			if strings.TrimSpace(b.text) == "" {
				t.Errorf("%s:%d: the example is empty", p.path, b.line)
			}
		}
	}
}

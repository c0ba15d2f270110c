package directive

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules"
)

// Every module's page says what it is, how it is written and how it fails: nobody needs the repository for that.
func TestEveryPageIsWhole(t *testing.T) {
	pages, err := Pages(modules.READMEs)
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 15 {
		t.Fatalf("found %d pages", len(pages))
	}
	for _, p := range pages {
		if p.Name == "" || p.Summary == "" || strings.Contains(p.Summary, "\n") {
			t.Errorf("%q has no line after its name: %q", p.Name, p.Summary)
		}
		for _, title := range brief {
			if s, ok := p.Section(title); !ok || s.Text == "" {
				t.Errorf("%s has no section %q, but %q", p.Name, title, p.titles())
			}
		}
		if !strings.Contains(p.Whole(), p.Brief()[:len(p.Name)]) {
			t.Errorf("%s: the whole page does not begin with its name", p.Name)
		}
	}
}

var page = fstest.MapFS{
	"one/README.md": {Data: []byte("# gw_one\n\n## Name\n*gw_one* – the\nfirst.\n\n## Description\nIt is.\n\n## Syntax\n```\n## no heading\ngw_one {\n\tlimit <n>\n}\n```\nprose of it\n\n### Part\nof it\n\n## Failure modes\nclosed\n")},
	"two/README.md": {Data: []byte("# two\n\n## Name\n*two* - the second.\n\n## Syntax\ntwo\n\n## Failure modes\nopen\n")},
}

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := &cobra.Command{SilenceErrors: true, SilenceUsage: true}
	command(cmd, page)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args    []string
		has, no []string
		fails   string
	}{
		{args: []string{}, has: []string{"gw_one  the first.", "two     the second."}},
		{args: []string{"gw_one"}, has: []string{"gw_one – the first.", "## no heading", "### Part", "closed", "SECTION, of Description;"}, no: []string{"It is."}},
		{args: []string{"one", "desc"}, has: []string{"## Description\nIt is."}, no: []string{"closed"}},
		{args: []string{"one", "--all"}, has: []string{"It is.", "closed"}},
		{args: []string{"three"}, fails: "no such directive"},
		{args: []string{"limit"}, fails: "it is part of gw_one: convosphere directive gw_one"},
		{args: []string{"prose"}, fails: "no such directive"},
		{args: []string{"two", "description"}, fails: "there are Syntax, Failure modes"},
	} {
		out, err := run(t, c.args...)
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%q: %v, want %q", c.args, err, c.fails)
		}
		for _, has := range c.has {
			if !strings.Contains(out, has) {
				t.Errorf("%q: no %q in\n%s", c.args, has, out)
			}
		}
		for _, no := range c.no {
			if strings.Contains(out, no) {
				t.Errorf("%q: %q in\n%s", c.args, no, out)
			}
		}
	}
}

// Blocks of the global option are known by their own names, too.
func TestPartsOfPages(t *testing.T) {
	pages, err := Pages(modules.READMEs)
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]string{"tracing": "gateway", "backup": "gateway", "security_txt": "gw_portal", "drain": "gateway"} {
		if _, err := find(pages, name); err == nil || !strings.Contains(err.Error(), "part of") || !strings.Contains(err.Error(), "convosphere directive "+of) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "}", "{", "#", "nothing"} {
		if _, err := find(pages, name); err == nil || !strings.Contains(err.Error(), "no such") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		args  []string
		begin string
		want  []string
	}{
		{nil, "", []string{"gw_one\tthe first.", "two\tthe second."}},
		{nil, "o", []string{"gw_one\tthe first."}},
		{[]string{"one"}, "", []string{"Description", "Syntax", "Failure modes"}},
		{[]string{"none"}, "", nil},
	} {
		if got := complete(page, c.args, c.begin); !slices.Equal(got, c.want) {
			t.Errorf("%q %q: %q, want %q", c.args, c.begin, got, c.want)
		}
	}
}

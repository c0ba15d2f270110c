package directive

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Page is a module's README.
type Page struct {
	Name     string    // as in "# gw_waf"
	Summary  string    // what stands after the name's dash: one line
	Sections []Section // in the order of the file, without Name
}

// Section is a heading and what stands below it, up to the next of its kind.
type Section struct{ Title, Text string }

// Pages reads every page of that file system ("<folder>/README.md"), by name.
func Pages(files fs.FS) ([]Page, error) {
	names, err := fs.Glob(files, "*/README.md")
	if err != nil {
		return nil, fmt.Errorf("listing the pages: %w", err)
	}
	pages := make([]Page, 0, len(names))
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading a page: %w", err)
		}
		pages = append(pages, parse(string(raw)))
	}
	slices.SortFunc(pages, func(a, b Page) int { return cmp.Compare(a.Name, b.Name) })
	return pages, nil
}

// parse splits a page at its headings. A # within a fenced block is a comment and no heading.
func parse(text string) Page {
	var p Page
	at := -1 // which section a line belongs to
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		title, isTitle := strings.CutPrefix(line, "# ")
		heading, isHeading := strings.CutPrefix(line, "## ")
		switch {
		case !fenced && isTitle && p.Name == "":
			p.Name = strings.TrimSpace(title)
		case !fenced && isHeading:
			p.Sections = append(p.Sections, Section{Title: strings.TrimSpace(heading)})
			at++
		case at >= 0:
			p.Sections[at].Text += line
		}
	}
	for i := range p.Sections {
		p.Sections[i].Text = strings.TrimSpace(p.Sections[i].Text)
	}
	if name, ok := p.Section("Name"); ok {
		_, p.Summary, _ = strings.Cut(strings.ReplaceAll(strings.ReplaceAll(name.Text, "\n", " "), " - ", " – "), " – ")
		p.Sections = slices.DeleteFunc(p.Sections, func(s Section) bool { return s.Title == "Name" })
	}
	return p
}

// Section finds a section by its title or the beginning of it, without regard to case.
func (p Page) Section(title string) (Section, bool) {
	var found []Section
	for _, s := range p.Sections {
		if strings.EqualFold(s.Title, title) {
			return s, true
		}
		if len(s.Title) >= len(title) && strings.EqualFold(s.Title[:len(title)], title) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return Section{}, false
	}
	return found[0], true
}

// writes tells whether a line of the page's syntax begins with the word, as those of its options do.
func (p Page) writes(word string) bool {
	if word == "" || word[0] < 'a' || word[0] > 'z' {
		return false // braces, placeholders and comments are none
	}
	fenced := false
	for _, s := range p.Sections {
		if s.Title != "Syntax" {
			continue
		}
		for line := range strings.Lines(s.Text) {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
				continue
			}
			first := strings.Fields(line)
			if fenced && len(first) > 0 && first[0] == word {
				return true
			}
		}
	}
	return false
}

// titles are those of all sections.
func (p Page) titles() []string {
	all := make([]string, 0, len(p.Sections))
	for _, s := range p.Sections {
		all = append(all, s.Title)
	}
	return all
}

// brief are the sections that answer most questions: how it is written, with its defaults, and what happens when it fails.
var brief = []string{"Syntax", "Failure modes"}

// Brief is the page's beginning: what it does, how it is written, how it fails, and which sections there are besides.
func (p Page) Brief() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s – %s\n", p.Name, p.Summary)
	var more []string
	for _, s := range p.Sections {
		if slices.Contains(brief, s.Title) {
			fmt.Fprintf(&b, "\n## %s\n%s\n", s.Title, s.Text)
		} else {
			more = append(more, s.Title)
		}
	}
	fmt.Fprintf(&b, "\nMore: convosphere directive %s SECTION, of %s; or --all\n", p.Name, strings.Join(more, ", "))
	return b.String()
}

// Whole is all of the page.
func (p Page) Whole() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s – %s\n", p.Name, p.Summary)
	for _, s := range p.Sections {
		fmt.Fprintf(&b, "\n## %s\n%s\n", s.Title, s.Text)
	}
	return b.String()
}

// Package licence finds under which terms the parts of a program may be passed on, and writes down what these terms ask for.
package licence

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"

	"github.com/convosphere/gateway/deploy/release/inventory"
)

// Text is a file with terms, or with what these say has to be passed on.
type Text struct {
	File    string   // within the module, with slashes
	Content string   // as it is
	IDs     []string // of SPDX; none in a notice
}

// Part is something in a program that others wrote.
type Part struct {
	Name, Version string
	IDs           []string // of SPDX: all hold
	Texts         []Text
}

// whole is how much of a file must be text of licences that are known, in percent. Below it something else stands in the file, which somebody has to read: a clause that was added to
// the MIT licence has ten words at most where it gets through, a list of who wrote the thing.
const whole = 94.0

// maxFile bounds a file with terms: the longest here has 40 KiB.
const maxFile = 1 << 20

var (
	terms   = regexp.MustCompile(`(?i)^(un)?licen[sc]es?([-_.].*)?$|^copying([-_.].*)?$|^mit-licen[sc]e([-_.].*)?$`)
	notices = regexp.MustCompile(`(?i)^(notice|copyright|patents|authors)([-_.](txt|md))?$`)
	code    = regexp.MustCompile(`(?i)\.(go|s|h|c|py|js|sh|tmpl|json|ya?ml|html|csv)$`)
)

// Find looks at a module: in its top folder, and in each from there to a package that is linked, since what was copied into a module keeps its own terms.
func Find(m inventory.Module) (Part, error) {
	part := Part{Name: m.Path, Version: m.Version}
	for _, folder := range above(m.Folders) {
		if err := part.read(m.Dir, folder); err != nil {
			return Part{}, fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
	}
	return part, part.judge()
}

// above returns the folders and those over them, the top one, "", first.
func above(folders []string) []string {
	all := []string{""}
	for _, f := range folders {
		for ; f != "" && f != "."; f = path.Dir(f) {
			all = append(all, f)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// read takes in the texts of one folder.
func (p *Part) read(dir, folder string) error {
	entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(folder)))
	if err != nil {
		return err
	}
	for _, e := range entries {
		isTerms := terms.MatchString(e.Name())
		if !e.Type().IsRegular() || !isTerms && !notices.MatchString(e.Name()) || code.MatchString(e.Name()) {
			continue
		}
		file := path.Join(folder, e.Name())
		content, err := readFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return err
		}
		t := Text{File: file, Content: content}
		if isTerms {
			if t.IDs, err = p.classify(file, content); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		p.Texts = append(p.Texts, t)
	}
	return nil
}

func (p *Part) classify(file, content string) ([]string, error) {
	if ids, ok := reviewed(p.Name, file, content); ok {
		return ids, nil
	}
	return Classify(content)
}

func readFile(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Size() > maxFile {
		return "", fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxFile)
	}
	b, err := os.ReadFile(name)
	return string(b), err
}

// Classify returns the licences of a text, or an error where it is not all licence.
func Classify(text string) ([]string, error) {
	cov := licensecheck.Scan([]byte(text))
	var ids []string
	for _, m := range cov.Match {
		if !m.IsURL {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 || cov.Percent < whole {
		return nil, fmt.Errorf("no licence that is known: %.0f%% of the text is of %q", cov.Percent, ids)
	}
	return ids, nil
}

// judge gathers what holds, and refuses what has no terms, or such that are not for us.
func (p *Part) judge() error {
	for _, t := range p.Texts {
		p.IDs = append(p.IDs, t.IDs...)
	}
	slices.Sort(p.IDs)
	p.IDs = slices.Compact(p.IDs)
	if len(p.IDs) == 0 {
		return fmt.Errorf("%s %s: no file says its licence", p.Name, p.Version)
	}
	var errs []error
	for _, id := range p.IDs {
		if !allowed(p.Name, id) {
			errs = append(errs, fmt.Errorf("%s %s: %s is not among the licences that may be linked (release/licence/rules.go)", p.Name, p.Version, id))
		}
	}
	return errors.Join(errs...)
}

// All looks at what an inventory holds, the library of Go included, and tells all that is wrong.
func All(inv *inventory.Inventory) ([]Part, error) {
	var parts []Part
	var errs []error
	for _, m := range inv.Modules {
		p, err := Find(m)
		errs = append(errs, err)
		parts = append(parts, p)
	}
	std, err := Find(inventory.Module{Path: "std", Version: strings.TrimPrefix(inv.Go, "go"), Dir: inv.Root})
	errs = append(errs, err)
	parts = append(parts, std)
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Name, b.Name) })
	return parts, errors.Join(errs...)
}

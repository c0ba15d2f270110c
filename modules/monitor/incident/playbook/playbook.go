// Package playbook is what is to be done about an incident, as checklists: files that come with the gateway, and those of a folder.
package playbook

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Playbook is one checklist.
type Playbook struct {
	ID    string `yaml:"id" json:"id"`
	Title string `yaml:"title" json:"title"`
	About string `yaml:"about" json:"about"`
	For   For    `yaml:"for" json:"for"`
	Steps []Step `yaml:"steps" json:"steps"`

	file string
}

// For says which incidents it is for. One that names nothing is for all, after those that fit better.
type For struct {
	Techniques []string `yaml:"techniques,omitempty" json:"techniques,omitempty"` // of MITRE ATT&CK; T1110 is for T1110.003, too
	Rules      []string `yaml:"rules,omitempty" json:"rules,omitempty"`           // ids
	Source     string   `yaml:"source,omitempty" json:"source,omitempty"`         // detection or report
}

// Step is one thing to do.
type Step struct {
	ID    string `yaml:"id" json:"id"`
	Phase string `yaml:"phase" json:"phase"`
	Title string `yaml:"title" json:"title"`
	How   string `yaml:"how,omitempty" json:"how,omitempty"`
	Run   string `yaml:"run,omitempty" json:"run,omitempty"` // a command; {client}, {user}, {session} and {incident} stand for the incident's
}

// Phases of the work, in their order.
const (
	Triage    = "triage"    // what is it, and is it so?
	Contain   = "contain"   // it gets no worse
	Remediate = "remediate" // what made it possible is mended
	Recover   = "recover"   // all is as it was
	Learn     = "learn"     // the next one is seen earlier, or does not happen
)

// Phases are all of them.
func Phases() []string { return []string{Triage, Contain, Remediate, Recover, Learn} }

// Bounds of what is read.
const (
	mostFile  = 64 << 10
	mostFiles = 200
	mostSteps = 60
	mostText  = 2000
)

var name = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Parse reads one. file is what errors call it.
func Parse(file string, text []byte) (*Playbook, error) {
	if len(text) > mostFile {
		return nil, fmt.Errorf("%s: it has more than %d bytes", file, mostFile)
	}
	p := &Playbook{file: file}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it holds more than one playbook", file)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

func (p *Playbook) check() error {
	switch {
	case !name.MatchString(p.ID) || len(p.ID) > 64:
		return errors.New("id: it is of a-z, 0-9 and -")
	case !said(p.Title, 200) || !said(p.About, mostText):
		return errors.New("title and about are missing, or too long")
	case len(p.Steps) == 0 || len(p.Steps) > mostSteps:
		return fmt.Errorf("steps: there are 1 to %d", mostSteps)
	case p.For.Source != "" && p.For.Source != "detection" && p.For.Source != "report":
		return errors.New("for: source is detection or report")
	}
	for n, t := range p.For.Techniques {
		if p.For.Techniques[n] = strings.ToUpper(t); !technique.MatchString(p.For.Techniques[n]) {
			return fmt.Errorf("for: %q is no technique as T1110 or T1110.003", t)
		}
	}
	seen, last := map[string]bool{}, 0
	for _, s := range p.Steps {
		if !name.MatchString(s.ID) || len(s.ID) > 64 || seen[s.ID] {
			return fmt.Errorf("step %q: its id is of a-z, 0-9 and -, and no other step has it", s.ID)
		}
		seen[s.ID] = true
		phase := slices.Index(Phases(), s.Phase)
		if phase < last {
			return fmt.Errorf("step %s: its phase is one of %s, in this order", s.ID, strings.Join(Phases(), ", "))
		}
		if last = phase; !said(s.Title, 300) || len(s.How) > mostText || len(s.Run) > mostText || strings.ContainsAny(s.Run, "\r\n") {
			return fmt.Errorf("step %s: it says nothing, or too much", s.ID)
		}
	}
	return nil
}

var technique = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)

func said(s string, most int) bool { return strings.TrimSpace(s) != "" && len(s) <= most }

//go:embed playbooks/*.yml
var files embed.FS

// BuiltIn are those that come with the gateway.
func BuiltIn() fs.FS {
	sub, err := fs.Sub(files, "playbooks")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Set is the playbooks that there are.
type Set struct {
	all  []*Playbook // by their titles
	byID map[string]*Playbook
}

// Load reads all *.yml and *.yaml of the folders. One with the id of another of a folder before takes its place.
func Load(folders ...fs.FS) (*Set, error) {
	s := &Set{byID: map[string]*Playbook{}}
	for _, folder := range folders {
		here := map[string]string{}
		entries, err := fs.ReadDir(folder, ".")
		if err != nil {
			return nil, fmt.Errorf("reading playbooks: %w", err)
		}
		for _, e := range entries {
			if ext := path.Ext(e.Name()); e.IsDir() || ext != ".yml" && ext != ".yaml" {
				continue
			}
			if len(here) == mostFiles {
				return nil, fmt.Errorf("there are more than %d playbooks", mostFiles)
			}
			text, err := readFile(folder, e.Name())
			if err != nil {
				return nil, fmt.Errorf("reading a playbook: %w", err)
			}
			p, err := Parse(e.Name(), text)
			if err != nil {
				return nil, err
			}
			if other := here[p.ID]; other != "" {
				return nil, fmt.Errorf("%s: the id %s is that of %s, too", e.Name(), p.ID, other)
			}
			here[p.ID], s.byID[p.ID] = e.Name(), p
		}
	}
	for _, p := range s.byID {
		s.all = append(s.all, p)
	}
	slices.SortFunc(s.all, func(a, b *Playbook) int { return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID)) })
	return s, nil
}

func readFile(folder fs.FS, name string) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostFile+1))
}

// All are the playbooks by their titles.
func (s *Set) All() []*Playbook { return s.all }

// Get is one by its id.
func (s *Set) Get(id string) (*Playbook, bool) {
	p, ok := s.byID[id]
	return p, ok
}

// Step is one by its id.
func (p *Playbook) Step(id string) (Step, bool) {
	n := slices.IndexFunc(p.Steps, func(s Step) bool { return s.ID == id })
	if n < 0 {
		return Step{}, false
	}
	return p.Steps[n], true
}

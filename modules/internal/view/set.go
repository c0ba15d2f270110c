package view

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// Set is the views of one configuration. The zero value is empty; a nil *Set takes and has none.
type Set struct {
	mu  sync.RWMutex
	all map[string]*View
}

var name = regexp.MustCompile(`^[a-z][a-z0-9]*([-_][a-z0-9]+)*$`)

// Add adds views, which the caller must not change any more. It panics at one that can't be: it is the program's own text.
func (s *Set) Add(views ...View) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range views {
		if err := v.validate(); err != nil {
			panic(fmt.Sprintf("view %s: %v", v.Name, err))
		}
		if s.all == nil {
			s.all = map[string]*View{}
		}
		s.all[v.Name] = &v // the last one that says it counts: a handler may stand in several sites
	}
}

// Get is one by its name.
func (s *Set) Get(name string) (*View, bool) {
	if s == nil {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.all[name]
	return v, ok
}

var groups = []string{Watch, Respond, People, Guard, Proof, System}

// All are the views by their groups, then as Rank and titles say.
func (s *Set) All() []*View {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*View, 0, len(s.all))
	for _, v := range s.all {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b *View) int {
		return cmp.Or(cmp.Compare(slices.Index(groups, a.Group), slices.Index(groups, b.Group)), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Title, b.Title))
	})
	return list
}

func (v *View) validate() error {
	v.Permission = cmp.Or(v.Permission, Read)
	switch {
	case !name.MatchString(v.Name):
		return fmt.Errorf("a name is of a-z and -")
	case v.Title == "" || v.About == "":
		return fmt.Errorf("it has no title, or says nothing about itself")
	case !slices.Contains(groups, v.Group):
		return fmt.Errorf("there is no group %q", v.Group)
	case v.Rows == nil && v.Panels == nil:
		return fmt.Errorf("it shows nothing")
	case (v.Rows == nil) != (len(v.Columns) == 0):
		return fmt.Errorf("columns go with rows")
	}
	for _, f := range v.Filters {
		if !name.MatchString(f.Name) || f.Name == ParamSort || f.Name == ParamAfter || f.Name == ParamLimit {
			return fmt.Errorf("a filter can't be called %q", f.Name)
		}
	}
	for i := range v.Actions {
		a := &v.Actions[i]
		a.Permission = cmp.Or(a.Permission, Act)
		if !name.MatchString(a.Name) || a.Title == "" || a.Ask == "" || a.Do == nil || a.On == "" {
			return fmt.Errorf("the action %q has no title, question, place or deed", a.Name)
		}
	}
	for _, d := range v.Documents {
		if !name.MatchString(d.Name) || d.Title == "" || d.Kind == "" || d.File == nil || d.Make == nil || v.Item == nil {
			return fmt.Errorf("the document %q has no title, kind or maker, or no item", d.Name)
		}
	}
	return nil
}

// Document is one by its name.
func (v *View) Document(name string) (*Document, bool) {
	for i := range v.Documents {
		if v.Documents[i].Name == name {
			return &v.Documents[i], true
		}
	}
	return nil, false
}

// Action is one by its name.
func (v *View) Action(name string) (*Action, bool) {
	for i := range v.Actions {
		if v.Actions[i].Name == name {
			return &v.Actions[i], true
		}
	}
	return nil, false
}

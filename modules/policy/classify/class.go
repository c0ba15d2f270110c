package classify

import (
	"fmt"
	"maps"
	"slices"
)

// Class is what the data say of a class, as far as the gateway's own work goes. What is asked of people, policies say.
type Class struct {
	Encrypted bool   // fields of it are encrypted before the back end gets them
	Masked    string // how fields of it are masked for those who may not see them (see ParseMethod); "" they are not
}

// Known are the classes that every policy has, the mildest first. Others are the policy's own: each of these counts as stricter than all of Known.
var Known = []string{"public", "internal", "confidential", "restricted"}

func rank(class string) int {
	if i := slices.Index(Known, class); i >= 0 {
		return i
	}
	return len(Known)
}

// Stricter is the stricter of two classes. "" is none.
func Stricter(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || rank(a) >= rank(b):
		return a
	}
	return b
}

func (t *Table) readClasses(v any) error {
	if v == nil {
		return nil
	}
	described, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("it is no object of classes")
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		members, ok := described[name].(map[string]any)
		if !ok {
			continue // a policy of its own making; no field can be of it
		}
		if name == "" || len(name) > maxName {
			return fmt.Errorf("%q: a name has 1 to %d bytes", name, maxName)
		}
		var c Class
		if v, given := members["encrypted"]; given {
			if c.Encrypted, ok = v.(bool); !ok {
				return fmt.Errorf("%q: encrypted is true or false", name)
			}
		}
		if v, given := members["masked"]; given {
			how, ok := v.(map[string]any)
			if !ok || len(how) != 1 {
				return fmt.Errorf("%q: masked is {\"with\": a method}", name)
			}
			c.Masked, _ = how["with"].(string)
			if _, err := ParseMethod(c.Masked); err != nil {
				return fmt.Errorf("%q: masked: %w", name, err)
			}
		}
		t.classes[name] = c
	}
	return nil
}

// sum finds what is asked for of a route as a whole.
func (t *Table) sum(r *Route) {
	for _, f := range slices.Concat(r.Request, r.Query) {
		r.asked = asked(r.asked, f.Class)
	}
	for _, f := range r.Response {
		if !f.Masked {
			r.asked = asked(r.asked, f.Class)
		}
	}
	for f := range r.All() {
		r.class = Stricter(r.class, f.Class)
		r.encrypts = r.encrypts || f.Encrypted
		r.particular = r.particular || f.Masked || rank(f.Class) == len(Known)
	}
}

// asked leaves out the policy's own classes: only its rules know what they ask for.
func asked(a, b string) string {
	if rank(b) == len(Known) {
		return a
	}
	return Stricter(a, b)
}

// Asked is the strictest of the known classes whose rules a request has to meet: of all that it carries, and of what its answer has but for what is masked for
// those who don't meet them. "" is none.
func (r *Route) Asked() string {
	if r == nil {
		return ""
	}
	return r.asked
}

// AskedOf is the same of a message of a type; out tells that it is the back end's.
func (r *Route) AskedOf(out bool, kind string) (class string) {
	if r == nil {
		return ""
	}
	fields := r.In[kind]
	if out {
		fields = r.Out[kind]
	}
	for _, f := range fields {
		if !out || !f.Masked {
			class = asked(class, f.Class)
		}
	}
	return class
}

// MasksOut tells whether messages of the back end of a type hold fields that are masked for some people. "" is any type.
func (r *Route) MasksOut(kind string) bool {
	if r == nil {
		return false
	}
	masked := func(f Field) bool { return f.Masked }
	if kind != "" {
		return slices.ContainsFunc(r.Out[kind], masked)
	}
	for _, fields := range r.Out {
		if slices.ContainsFunc(fields, masked) {
			return true
		}
	}
	return false
}

// Class is the strictest class of all fields of the route, messages included; "" where it has none.
func (r *Route) Class() string {
	if r == nil {
		return ""
	}
	return r.class
}

// Particular tells whether the fields ask for more than the strictest of the known classes: some are masked for some people, or of a class of the policy's
// own. Then policies are told the route's name, to look the fields up.
func (r *Route) Particular() bool { return r != nil && r.particular }

// Encrypts tells whether fields of the route are to be encrypted.
func (r *Route) Encrypts() bool { return r != nil && r.encrypts }

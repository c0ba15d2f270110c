package authorize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Rule is what a request or socket message needs in order to pass.
type Rule struct {
	// The permission that the policy is asked for.
	Permission string `json:"permission,omitempty"`

	// The object that the request is about: "room:{room}".
	Resource string `json:"resource,omitempty"`

	// The object that holds it: "room:{room}" of a message. Where grants know another parent, the request is refused. Where this is
	// empty, the parent that grants know is used.
	Parent string `json:"parent,omitempty"`

	// The name of the person that the request is about: who is put into a room.
	Target string `json:"target,omitempty"`

	// How what is answered is classified: public, internal, confidential or restricted. Default: none, which policies take as they like; for
	// messages that of the handshake.
	Classification string `json:"classification,omitempty"`
}

// classifications, from what may be known to all to what must not.
var classifications = []string{"public", "internal", "confidential", "restricted"}

// rule is a Rule ready for use.
type rule struct {
	permission       string
	resource, parent *objectTemplate
	target           *template
	classification   string
}

func (r Rule) compile(known func(string) bool) (c rule, err error) {
	if c.permission = r.Permission; strings.TrimSpace(r.Permission) == "" {
		return c, errors.New("permission is missing")
	}
	if r.Classification != "" && !slices.Contains(classifications, r.Classification) {
		return c, fmt.Errorf("classification %q: it is one of %s", r.Classification, strings.Join(classifications, ", "))
	}
	c.classification = r.Classification
	if r.Parent != "" && r.Resource == "" {
		return c, errors.New("a parent needs a resource")
	}
	var errs [3]error
	if r.Resource != "" {
		c.resource, errs[0] = parseObject(r.Resource, known)
	}
	if r.Parent != "" {
		c.parent, errs[1] = parseObject(r.Parent, known)
	}
	if r.Target != "" {
		c.target, errs[2] = parseTemplate(r.Target, known)
	}
	for i, what := range []string{"resource", "parent", "target"} {
		if errs[i] != nil {
			return c, fmt.Errorf("%s: %w", what, errs[i])
		}
	}
	return c, nil
}

// fill sets what the rule says into the input of a decision.
func (c *rule) fill(in *engine.Input, v values) (err error) {
	in.Permission = c.permission
	if c.classification != "" {
		in.Classification = c.classification
	}
	if in.Resource, err = c.resource.fill(v); err != nil {
		return err
	}
	if in.Parent, err = c.parent.fill(v); err != nil {
		return err
	}
	if c.target != nil {
		in.Target, err = c.target.person(v)
	}
	return err
}

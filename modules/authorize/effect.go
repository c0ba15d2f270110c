package authorize

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// Effect is a change of grants that an answer of the back end, or a socket message of it, brings about.
type Effect struct {
	// The status that it takes; 0 (and only 0) on sockets.
	Status int `json:"status,omitempty"`

	// "grant" or "revoke".
	Do string `json:"do"`

	// Of a revoke, empty means any.
	Relation string `json:"relation,omitempty"`

	// "room:{room}", "room:{http.gw.response.json.id}"; on sockets "message:{message.id}".
	Object string `json:"object"`

	// Who it is about: a name ("{user}"), "*" for everyone who is signed in, or an object for the relation "parent". Empty
	// means the caller for a grant, and anyone for a revoke.
	Subject string `json:"subject,omitempty"`

	// The object must be new: where others have grants on it, the answer is withheld. For objects that the back end names, so that it can't give away others'.
	New bool `json:"new,omitempty"`

	// Only where this holds.
	If *Condition `json:"if,omitempty"`
}

// Condition compares a value with a text.
type Condition struct {
	Value  string `json:"value"`
	Equals string `json:"equals"`
}

// responseJSON is what names a member of the back end's answer.
const responseJSON = "http.gw.response.json."

type effect struct {
	status   int
	revoke   bool
	first    bool // the object must be nobody's
	relation string
	object   *objectTemplate
	caller   bool // the subject is who sent the request
	everyone bool
	subject  *template
	parent   *objectTemplate
	when     *template
	equals   string
	answer   bool // it needs the JSON of the answer
}

// compile checks an effect. early tells which variables are known before the back end has answered.
func (e Effect) compile(known, early func(string) bool) (*effect, error) {
	c := &effect{status: e.Status, relation: e.Relation}
	switch e.Do {
	case "grant":
		if e.Relation == "" {
			return nil, errors.New("grant: the relation is missing")
		}
		c.first = e.New
	case "revoke":
		if e.New {
			return nil, errors.New("revoke: new is of grants")
		}
		c.revoke = true
	default:
		return nil, fmt.Errorf("%q is neither grant nor revoke", e.Do)
	}
	var err error
	if c.object, err = parseObject(e.Object, known); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Do, err)
	}
	if err := c.compileSubject(e, known); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Do, err)
	}
	if e.If != nil {
		if c.when, err = parseTemplate(e.If.Value, known); err != nil {
			return nil, fmt.Errorf("if: %w", err)
		}
		c.equals = e.If.Equals
	}
	late := func(name string) bool { return !early(name) }
	c.answer = c.object.id.each(late) || c.subject != nil && c.subject.each(late) || c.parent != nil && c.parent.id.each(late) || c.when != nil && c.when.each(late)
	return c, nil
}

func (c *effect) compileSubject(e Effect, known func(string) bool) (err error) {
	switch {
	case e.Relation == grant.Parent && e.Subject != "":
		c.parent, err = parseObject(e.Subject, known)
	case e.Relation == grant.Parent && !c.revoke:
		err = errors.New("the parent is missing: write `to type:id`")
	case e.Subject == "":
		c.caller = !c.revoke
	case e.Subject == grant.Everyone:
		c.everyone = true
	case strings.Contains(e.Subject, ":"):
		err = fmt.Errorf("%q: only the relation parent is granted to an object", e.Subject)
	default:
		c.subject, err = parseTemplate(e.Subject, known)
	}
	return err
}

// grant resolves the effect; false where its condition does not hold.
func (c *effect) grant(v values, caller *reqctx.Identity) (g grant.Grant, ok bool, err error) {
	if c.when != nil {
		got, err := c.when.fill(v)
		if errors.Is(err, errAbsent) {
			return g, false, nil // a member that is not there equals nothing
		}
		if err != nil || got != c.equals {
			return g, false, err
		}
	}
	g.Relation = c.relation
	object, err := c.object.fill(v)
	if err != nil {
		return g, false, err
	}
	g.Object = object.String()
	switch {
	case c.everyone:
		g.Subject = grant.Everyone
	case c.caller:
		if caller == nil || !grant.IsPerson(caller.Name) {
			return g, false, errNobody
		}
		g.Subject = caller.Name
	case c.subject != nil:
		g.Subject, err = c.subject.person(v)
	case c.parent != nil:
		parent, e := c.parent.fill(v)
		g.Subject, err = parent.String(), e
	}
	return g, err == nil, err
}

var (
	errAbsent = fmt.Errorf("%w: there is no such member", errValue)
	errNobody = errors.New("nobody is signed in to grant it to")
)

// effects are those of one route.
type effects []*effect

// resolve returns what the answer changes.
func (es effects) resolve(status int, v values, caller *reqctx.Identity) (c altered, err error) {
	for _, e := range es {
		if e.status != status {
			continue
		}
		g, ok, err := e.grant(v, caller)
		switch {
		case err != nil:
			return altered{}, err
		case !ok:
		case e.revoke:
			c.remove = append(c.remove, g)
		default:
			c.add = append(c.add, g)
			if e.first {
				c.first = append(c.first, g)
			}
		}
	}
	return c, nil
}

// altered are changes of grants. The objects of first must be new.
type altered struct{ add, remove, first []grant.Grant }

// check resolves those that hang on the request alone, before the back end acts: afterwards it would be too late to refuse.
func (es effects) check(v values, caller *reqctx.Identity) error {
	for _, e := range es {
		if e.caller && (caller == nil || !grant.IsPerson(caller.Name)) {
			return errNobody
		}
		if e.answer {
			continue
		}
		if _, _, err := e.grant(v, caller); err != nil {
			return err
		}
	}
	return nil
}

// on tells whether an answer of that status is waited for, and whether its JSON is needed.
func (es effects) on(status int) (any, json bool) {
	for _, e := range es {
		if e.status == status {
			any, json = true, json || e.answer
		}
	}
	return any, json
}

func checkStatus(status int) error {
	if status < http.StatusOK || status > 299 {
		return fmt.Errorf("on %d: only answers from 200 to 299 change grants", status)
	}
	return nil
}

package authorize

import (
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/route"
)

// Socket says what a WebSocket needs: the handshake, and each message by its type.
type Socket struct {
	// The path of the handshake.
	Path string `json:"path"`

	// What the handshake needs.
	Rule

	// The member of a message that names its type. Default: "type".
	Type string `json:"type,omitempty"`

	// Messages from the client. A type that is not here is refused.
	In []MessageRule `json:"in,omitempty"`

	// Messages from the back end that need something. A type that is neither here nor in Pass is dropped.
	Out []MessageRule `json:"out,omitempty"`

	// Types of messages from the back end that need nothing.
	Pass []string `json:"pass,omitempty"`
}

// MessageRule says what messages of some types need. Variables are members of the message: "room:{room}", "message:{message.id}".
type MessageRule struct {
	Types []string `json:"types"`
	Rule

	// A refused message is left out; otherwise it closes the socket with 1008.
	Drop bool `json:"drop,omitempty"`

	// The policy sees the message itself.
	Body *Body `json:"body,omitempty"`

	// What the message changes, before it is passed on. Only of the back end's.
	Do []Effect `json:"do,omitempty"`
}

type socket struct {
	typ  string
	in   map[string]*messageRule
	out  map[string]*messageRule
	pass map[string]bool
}

type messageRule struct {
	rule    rule // without a permission, nothing is asked
	drop    bool
	body    int64 // bytes of it that the policy sees; 0 none
	effects effects
}

func (s Socket) compile() (*compiled, error) {
	p, err := route.ParsePattern(s.Path)
	if err != nil {
		return nil, err
	}
	r := &compiled{pattern: p, name: "GET " + s.Path}
	c := &socket{typ: s.Type, in: map[string]*messageRule{}, out: map[string]*messageRule{}, pass: map[string]bool{}}
	if c.typ == "" {
		c.typ = "type"
	}
	if r.rule, err = s.Rule.compile(p.Has); err != nil {
		return nil, fmt.Errorf("socket %s: %w", s.Path, err)
	}
	for _, m := range s.In {
		if len(m.Do) > 0 {
			return nil, fmt.Errorf("socket %s: in %v: only messages of the back end change grants", s.Path, m.Types)
		}
		if err := m.compile(c.in, nil); err != nil {
			return nil, fmt.Errorf("socket %s: in %v: %w", s.Path, m.Types, err)
		}
	}
	for _, t := range s.Pass {
		c.pass[t] = true
	}
	for _, m := range s.Out {
		if m.Permission == "" && len(m.Do) == 0 {
			return nil, fmt.Errorf("socket %s: out %v: it needs a permission or changes a grant; otherwise write `pass`", s.Path, m.Types)
		}
		if err := m.compile(c.out, c.pass); err != nil {
			return nil, fmt.Errorf("socket %s: out %v: %w", s.Path, m.Types, err)
		}
	}
	r.socket = c
	return r, nil
}

func (m MessageRule) compile(into map[string]*messageRule, passed map[string]bool) (err error) {
	c := &messageRule{drop: m.Drop}
	if m.Permission != "" || len(m.Do) == 0 {
		if c.rule, err = m.Rule.compile(anyMember); err != nil {
			return err
		}
	}
	if c.body, err = m.Body.max(); err != nil {
		return err
	}
	for _, e := range m.Do {
		if e.Status != 0 {
			return errors.New("a message has no status")
		}
		effect, err := e.compile(anyMember, anyMember)
		if err != nil {
			return err
		}
		c.effects = append(c.effects, effect)
	}
	if len(m.Types) == 0 {
		return errors.New("a type is missing")
	}
	for _, t := range m.Types {
		if t == "" || into[t] != nil || passed[t] {
			return fmt.Errorf("the type %q is empty or given twice", t)
		}
		into[t] = c
	}
	return nil
}

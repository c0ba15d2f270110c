package protect

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/protect/record"
)

// Socket says which records the messages of a WebSocket hold, by their types.
type Socket struct {
	// The path of the handshake.
	Path string `json:"path"`

	// The member of a message that names its type. Default: "type".
	Type string `json:"type,omitempty"`

	// Messages of the client, whose fields are encrypted.
	In []Messages `json:"in,omitempty"`

	// Messages of the back end, whose fields are decrypted.
	Out []Messages `json:"out,omitempty"`
}

// Messages are those of some types.
type Messages struct {
	Types []string `json:"types"`

	// The records that they hold. Pointers begin at the message.
	Records []record.Spec `json:"records,omitempty"`

	// Numbers that tell how long an encrypted file is, as JSON pointers: they become the length of the file itself. Only of the back end's.
	Sizes []string `json:"sizes,omitempty"`
}

// channel is a Socket ready for use. It never changes.
type channel struct {
	name    string
	typ     string
	pattern *route.Pattern
	in, out map[string]*Messages
}

type channels = route.Router[*channel]

// compileSockets makes the router of handshakes.
func compileSockets(sockets []Socket) (*channels, error) {
	rt := new(channels)
	for _, s := range sockets {
		c, err := s.compile()
		if err != nil {
			return nil, fmt.Errorf("socket %s: %w", s.Path, err)
		}
		if err := rt.Add("GET", c.pattern, c.name, c); err != nil {
			return nil, err
		}
	}
	return rt, nil
}

func (s Socket) compile() (*channel, error) {
	p, err := route.ParsePattern(s.Path)
	if err != nil {
		return nil, err
	}
	c := &channel{name: "GET " + s.Path, typ: s.Type, pattern: p, in: map[string]*Messages{}, out: map[string]*Messages{}}
	if c.typ == "" {
		c.typ = "type"
	}
	if len(s.In)+len(s.Out) == 0 {
		return nil, errors.New("it names no messages")
	}
	for i := range s.In {
		if len(s.In[i].Sizes) > 0 {
			return nil, errors.New("in: size is of messages of the back end")
		}
		if err := s.In[i].compile(c.in, record.Request, p); err != nil {
			return nil, fmt.Errorf("in: %w", err)
		}
	}
	for i := range s.Out {
		if err := s.Out[i].compile(c.out, record.Answer, p); err != nil {
			return nil, fmt.Errorf("out: %w", err)
		}
	}
	return c, nil
}

func (m *Messages) compile(into map[string]*Messages, d record.Direction, p *route.Pattern) error {
	if len(m.Types) == 0 || len(m.Records)+len(m.Sizes) == 0 {
		return errors.New("messages have a type, and a record")
	}
	if _, err := m.plan(d, nil, p); err != nil {
		return err
	}
	for _, t := range m.Types {
		if t == "" || into[t] != nil {
			return fmt.Errorf("the type %q is empty or given twice", t)
		}
		into[t] = m
	}
	return nil
}

func (m *Messages) plan(d record.Direction, classified []string, p *route.Pattern) (*record.Plan, error) {
	plan, err := record.Compile(m.Records, d, classified, p.Has)
	if err != nil {
		return nil, err
	}
	return plan.WithSizes(m.Sizes)
}

// script is what is done to the messages of a socket: what the configuration and the classification say together. It never changes.
type script struct {
	name, typ string
	pattern   *route.Pattern
	in, out   map[string]line
}

// line is what is done to messages of one type.
type line struct {
	plan    *record.Plan // nil: nothing
	missing error        // a field must be encrypted that no record holds: fail closed
}

type scriptKey struct {
	channel *channel
	route   *classify.Route
}

// script is that of a socket; nil where there is nothing to do on it.
func (p *plans) script(c *channel, segs []string) *script {
	r := p.table.Find(http.MethodGet, segs)
	if !r.Encrypts() {
		r = nil
	}
	if c == nil && r == nil {
		return nil
	}
	key := scriptKey{c, r}
	if made, ok := p.scripts.Load(key); ok {
		return made.(*script)
	}
	made, _ := p.scripts.LoadOrStore(key, writeScript(c, r))
	return made.(*script)
}

// writeScript never fails: what can't be done is a line that refuses.
func writeScript(c *channel, r *classify.Route) *script {
	if c == nil {
		c = &channel{name: r.Name, typ: "type", pattern: r.Path}
	}
	s := &script{name: c.name, typ: c.typ, pattern: c.pattern}
	var in, out map[string][]classify.Field
	if r != nil {
		in, out = r.In, r.Out
	}
	s.in = lines(c.in, in, record.Request, c.pattern)
	s.out = lines(c.out, out, record.Answer, c.pattern)
	return s
}

func lines(configured map[string]*Messages, classified map[string][]classify.Field, d record.Direction, p *route.Pattern) map[string]line {
	all := map[string]line{}
	for t, m := range configured {
		all[t] = lineOf(m, classified[t], d, p)
	}
	for t, fields := range classified {
		if _, had := all[t]; !had && len(encrypted(fields)) > 0 {
			all[t] = lineOf(new(Messages), fields, d, p)
		}
	}
	return all
}

func lineOf(m *Messages, fields []classify.Field, d record.Direction, p *route.Pattern) (l line) {
	if l.plan, l.missing = m.plan(d, encrypted(fields), p); !l.plan.Fields() {
		l.plan = nil
	}
	return l
}

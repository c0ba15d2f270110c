package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/protect/field"
)

// Set is a key set (keyset.Set).
type Set interface {
	field.Keys
	Index(field string, value []byte) []byte
}

// Env is what a document is changed with.
type Env struct {
	Vars   Vars                                                // of the path
	Use    func(ctx context.Context, name string) (Set, error) // the key set of a name, to encrypt
	ByID   func(ctx context.Context, id string) (Set, error)   // the key set of a token
	Erased func(error) bool                                    // an error of ByID: the keys were destroyed, on purpose
	Mint   func() string                                       // a new id
	Plain  bool                                                // what is no token passes
}

// Why a document is refused.
var (
	ErrSent    = errors.New("the client sent a token")
	ErrCase    = errors.New("a name differs from a member's only in upper and lower case")
	ErrShape   = errors.New("a list or an object stands where the other should be")
	ErrOwn     = errors.New("the client gave what the gateway makes")
	ErrUnnamed = errors.New("the record or its key set can't be named")
	ErrPlain   = errors.New("a field is not encrypted")
	ErrForged  = errors.New("a token does not belong here, or was changed")
	ErrKeys    = errors.New("the key set can't be used")
	ErrJSON    = errors.New("not JSON that everybody reads alike")
)

// Error says what is wrong, and where.
type Error struct {
	Pointer string // RFC 6901
	Err     error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap implements errors.
func (e *Error) Unwrap() error { return e.Err }

// Counts tells what was done.
type Counts struct {
	Fields int // sealed or opened
	Stale  int // opened, and sealed under an older version of their key set
	Plain  int // that passed and were no tokens
	Erased int // whose keys are gone: null stands in their place
}

// job is one document at work.
type job struct {
	ctx   context.Context
	env   *Env
	data  []byte
	edits []edit
	new   []byte // what edits put in, one behind the other
	trail []step
	field.Scratch
	name []byte // of a key set
	text []byte // of a value
	Counts
}

// edit puts new[from:to] in the place of data[start:end].
type edit struct{ start, end, from, to int }

// step of the way to a value: a name, or an index where it is below zero: -1 is the first.
type step struct {
	name  string
	index int
}

// at is an error at the place that the job has come to.
func (j *job) at(err error) error {
	var b strings.Builder
	for _, s := range j.trail {
		b.WriteByte('/')
		if s.index < 0 {
			b.WriteString(strconv.Itoa(-1 - s.index))
			continue
		}
		b.WriteString(escape.Replace(s.name))
	}
	return &Error{b.String(), err}
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// owner is the record that fields belong to.
type owner struct {
	kind   *kind
	object *strictjson.Value           // nil: the record is a form
	get    func(string) (string, bool) // members by name
	minted string
	place  field.Place // Keys is nil until a field needs it
	set    Set
}

// Seal encrypts the fields of a request. The error is an *Error.
func (p *Plan) Seal(ctx context.Context, env *Env, data []byte) ([]byte, Counts, error) {
	doc, err := strictjson.Parse(data)
	if err != nil {
		return nil, Counts{}, &Error{"", fmt.Errorf("%w: %w", ErrJSON, err)}
	}
	return p.SealDoc(ctx, env, data, doc)
}

// SealDoc is Seal for data that was read already. A plan of nothing still refuses tokens.
func (p *Plan) SealDoc(ctx context.Context, env *Env, data []byte, doc *strictjson.Value) ([]byte, Counts, error) {
	j := &job{ctx: ctx, env: env, data: data}
	if err := j.tokens(doc); err != nil {
		return nil, Counts{}, err
	}
	if p == nil {
		return data, Counts{}, nil
	}
	if err := j.seal(p.root, doc, nil); err != nil {
		return nil, Counts{}, err
	}
	return j.apply(), j.Counts, nil
}

// Sent finds a token that a client sent in a document: the error names where. It is *Error with ErrSent or ErrJSON.
func Sent(data []byte) error {
	g := field.Guard{Escapes: field.JSON}
	if !g.Write(data) {
		return nil
	}
	doc, err := strictjson.Parse(data)
	if err != nil {
		return &Error{"", fmt.Errorf("%w: %w", ErrJSON, err)}
	}
	j := &job{data: data}
	return j.find(doc)
}

// tokens refuses tokens that the client sent, wherever they stand.
func (j *job) tokens(doc *strictjson.Value) error {
	g := field.Guard{Escapes: field.JSON}
	if !g.Write(j.data) {
		return nil
	}
	return j.find(doc)
}

// find says where the guard saw a token.
func (j *job) find(doc *strictjson.Value) error {
	if err := j.look(doc); err != nil {
		return err
	}
	return j.at(ErrSent) // it is put together by several values: nowhere, or everywhere
}

func (j *job) look(v *strictjson.Value) error {
	if v.Kind == strictjson.String && field.IsToken(v.Text) {
		return j.at(ErrSent)
	}
	for i := range v.Items {
		j.enter(step{index: -1 - i})
		if err := j.look(&v.Items[i]); err != nil {
			return err
		}
		j.leave()
	}
	for i := range v.Members {
		m := &v.Members[i]
		if field.IsToken(m.Name) { // whose name is not repeated
			return j.at(ErrSent)
		}
		j.enter(step{name: m.Name})
		if err := j.look(&m.Value); err != nil {
			return err
		}
		j.leave()
	}
	return nil
}

func (j *job) enter(s step) { j.trail = append(j.trail, s) }
func (j *job) leave()       { j.trail = j.trail[:len(j.trail)-1] }

// seal encrypts what is below a node.
func (j *job) seal(n *node, v *strictjson.Value, o *owner) error {
	if n.field != "" && o != nil {
		return j.sealField(n.field, v, o)
	}
	if v.Kind == strictjson.Null {
		return nil
	}
	if n.record != nil {
		if v.Kind != strictjson.Object {
			return j.at(ErrShape)
		}
		o = &owner{kind: n.record, object: v, get: memberOf(v)}
		if err := j.make(o); err != nil {
			return err
		}
	}
	switch {
	// What comes as a list or an object where the other is looked for might be read as that all the same.
	case v.Kind == strictjson.Array && len(n.names) > 0, v.Kind == strictjson.Object && n.each != nil:
		return j.at(ErrShape)
	case v.Kind == strictjson.Array && n.each != nil:
		for i := range v.Items {
			j.enter(step{index: -1 - i})
			if err := j.seal(n.each, &v.Items[i], o); err != nil {
				return err
			}
			j.leave()
		}
	case v.Kind == strictjson.Object:
		return j.sealMembers(n, v, o)
	}
	return nil
}

func (j *job) sealMembers(n *node, v *strictjson.Value, o *owner) error {
	for i := range v.Members {
		m := &v.Members[i]
		child, twisted := n.find(m.Name)
		if child == nil && !twisted {
			continue
		}
		j.enter(step{name: m.Name})
		if child == nil {
			return j.at(ErrCase)
		}
		if err := j.seal(child, &m.Value, o); err != nil {
			return err
		}
		j.leave()
	}
	return nil
}

// sealField encrypts a value. null and the empty string pass: that nothing is there is not hidden, and the back end can still tell.
func (j *job) sealField(name string, v *strictjson.Value, o *owner) error {
	if empty(v) {
		return nil
	}
	if err := j.settle(o); err != nil {
		return err
	}
	o.place.Field = name
	from := len(j.new)
	j.new = append(j.new, '"')
	var err error
	if j.new, err = o.place.AppendSeal(j.new, j.textOf(v)); err != nil {
		return j.at(fmt.Errorf("%w: %w", ErrKeys, err))
	}
	j.new = append(j.new, '"')
	j.edits = append(j.edits, edit{v.Start, v.End, from, len(j.new)})
	j.Fields++
	return nil
}

func empty(v *strictjson.Value) bool {
	return v.Kind == strictjson.Null || v.Kind == strictjson.String && v.Text == ""
}

// textOf is the JSON of a value: of a string as short as it can be written.
func (j *job) textOf(v *strictjson.Value) []byte {
	if v.Kind == strictjson.String {
		j.text = appendString(j.text[:0], v.Text)
		return j.text
	}
	return j.data[v.Start:v.End]
}

// make puts into a record what the gateway makes, and refuses what the client gave in its place.
func (j *job) make(o *owner) error {
	if err := j.own(o); err != nil {
		return err
	}
	at := o.object.Start + 1
	from := len(j.new)
	if o.kind.mint != "" {
		o.minted = j.env.Mint()
		j.member(o.kind.mint, o.minted)
	}
	for _, i := range o.kind.index {
		v, err := o.object.Get(i.Member)
		if err != nil {
			j.enter(step{name: i.Member})
			return j.at(ErrCase)
		}
		if v == nil || empty(v) {
			continue
		}
		j.enter(step{name: i.Member})
		text, ok := v.Scalar()
		if !ok {
			return j.at(ErrShape)
		}
		if err := j.settle(o); err != nil {
			return err
		}
		sum, err := Blind(o.set, i.Member, text)
		if err != nil {
			return j.at(err)
		}
		j.member(i.Into, sum)
		j.leave()
	}
	if len(j.new) == from {
		return nil
	}
	if len(o.object.Members) == 0 {
		j.new = j.new[:len(j.new)-1] // the comma
	}
	j.edits = append(j.edits, edit{at, at, from, len(j.new)})
	return nil
}

// member writes one, and a comma.
func (j *job) member(name, value string) {
	j.new = appendString(j.new, name)
	j.new = append(j.new, ':')
	j.new = appendString(j.new, value)
	j.new = append(j.new, ',')
}

// own refuses members that are the gateway's to make, in whatever case.
func (j *job) own(o *owner) error {
	for i := range o.object.Members {
		name := o.object.Members[i].Name
		mine := o.kind.mint != "" && strings.EqualFold(name, o.kind.mint)
		for _, x := range o.kind.index {
			mine = mine || strings.EqualFold(name, x.Into)
		}
		if mine {
			j.enter(step{name: name})
			return j.at(ErrOwn)
		}
	}
	return nil
}

// settle finds out which record and key set fields belong to.
func (j *job) settle(o *owner) error {
	if o.set != nil {
		return nil
	}
	name, err := j.names(o)
	if err != nil {
		return err
	}
	if o.set, err = j.env.Use(j.ctx, string(name)); err != nil {
		return j.at(fmt.Errorf("%w: %w", ErrKeys, err))
	}
	o.place.Keys = o.set
	return nil
}

// names fills in the record's name, and returns the one of its key set.
func (j *job) names(o *owner) (set []byte, err error) {
	get := o.get
	if o.minted != "" {
		get = func(name string) (string, bool) {
			if name == o.kind.mint {
				return o.minted, true
			}
			return o.get(name)
		}
	}
	o.place.Scratch = &j.Scratch
	j.name = append(append(j.name[:0], o.kind.typ...), '/')
	if j.name, err = o.kind.id.append(j.name, j.env.Vars, get); err != nil {
		return nil, j.at(fmt.Errorf("%w: id: %w", ErrUnnamed, err))
	}
	o.place.Record = string(j.name)
	if j.name, err = o.kind.keySet.append(j.name[:0], j.env.Vars, get); err != nil {
		return nil, j.at(fmt.Errorf("%w: key set: %w", ErrUnnamed, err))
	}
	return j.name, nil
}

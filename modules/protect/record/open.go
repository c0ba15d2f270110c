package record

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/protect/field"
)

// Open decrypts the fields of an answer. The error is an *Error.
func (p *Plan) Open(ctx context.Context, env *Env, data []byte) ([]byte, Counts, error) {
	return open(ctx, env, p.root, data)
}

// OpenDoc is Open for data that was read already.
func (p *Plan) OpenDoc(ctx context.Context, env *Env, data []byte, doc *strictjson.Value) ([]byte, Counts, error) {
	return openDoc(ctx, env, p.root, data, doc)
}

// OpenElement is Open for one element of the plan's list.
func (p *Plan) OpenElement(ctx context.Context, env *Env, data []byte) ([]byte, Counts, error) {
	return open(ctx, env, p.each, data)
}

func open(ctx context.Context, env *Env, n *node, data []byte) ([]byte, Counts, error) {
	doc, err := strictjson.Parse(data)
	if err != nil {
		return nil, Counts{}, &Error{"", fmt.Errorf("%w: %w", ErrJSON, err)}
	}
	return openDoc(ctx, env, n, data, doc)
}

func openDoc(ctx context.Context, env *Env, n *node, data []byte, doc *strictjson.Value) ([]byte, Counts, error) {
	j := &job{ctx: ctx, env: env, data: data, new: make([]byte, 0, len(data)+64)} // a token is longer than what is in it
	if err := j.open(n, doc, nil); err != nil {
		return nil, Counts{}, err
	}
	return j.apply(), j.Counts, nil
}

// open decrypts what is below a node. What is not as the plan says stays as it came: encrypted.
func (j *job) open(n *node, v *strictjson.Value, o *owner) error {
	if n.field != "" && o != nil {
		return j.openField(n.field, v, o)
	}
	if n.size {
		j.openSize(v)
		return nil
	}
	if n.record != nil {
		if v.Kind != strictjson.Object {
			return nil
		}
		o = &owner{kind: n.record, object: v, get: memberOf(v)}
		j.hide(o)
	}
	switch {
	case v.Kind == strictjson.Array && n.each != nil:
		for i := range v.Items {
			j.enter(step{index: -1 - i})
			if err := j.open(n.each, &v.Items[i], o); err != nil {
				return err
			}
			j.leave()
		}
	case v.Kind == strictjson.Object && len(n.names) > 0:
		for i := range v.Members {
			m := &v.Members[i]
			child, twisted := n.find(m.Name)
			if child == nil && !twisted {
				continue
			}
			j.enter(step{name: m.Name})
			if child == nil { // some clients would take it for the member, and nothing tells who wrote it
				return j.at(ErrCase)
			}
			if err := j.open(child, &m.Value, o); err != nil {
				return err
			}
			j.leave()
		}
	}
	return nil
}

// openField decrypts a token.
func (j *job) openField(name string, v *strictjson.Value, o *owner) error {
	if empty(v) {
		return nil
	}
	id, err := "", field.ErrToken
	if v.Kind == strictjson.String {
		id, err = field.SetOf(v.Text)
	}
	switch {
	case err != nil && j.env.Plain && (v.Kind != strictjson.String || !field.IsToken(v.Text)):
		j.Plain++
		return nil
	case err != nil && v.Kind == strictjson.String && field.IsToken(v.Text):
		return j.at(fmt.Errorf("%w: %w", ErrForged, err))
	case err != nil:
		return j.at(ErrPlain)
	}
	erased, err := j.setOf(id, o)
	if err != nil {
		return err
	}
	from := len(j.new)
	if erased {
		j.new = append(j.new, "null"...)
		j.Erased++
	} else {
		o.place.Field = name
		var stale bool
		if j.new, stale, err = o.place.AppendOpen(j.new, v.Text); err != nil {
			return j.at(fmt.Errorf("%w: %w", ErrForged, err))
		}
		if stale {
			j.Stale++
		}
		j.Fields++
	}
	j.edits = append(j.edits, edit{v.Start, v.End, from, len(j.new)})
	return nil
}

// setOf finds the key set of a token, which must be the one that the record's place names.
func (j *job) setOf(id string, o *owner) (erased bool, err error) {
	if o.set != nil && o.set.ID() == id {
		return false, nil
	}
	name, err := j.names(o)
	if err != nil {
		return false, err
	}
	set, err := j.env.ByID(j.ctx, id)
	switch {
	case err != nil && j.env.Erased(err):
		return true, nil
	case err != nil:
		return false, j.at(fmt.Errorf("%w: %w", ErrKeys, err))
	case set.Name() != string(name):
		return false, j.at(ErrForged)
	}
	o.set, o.place.Keys = set, set
	return false, nil
}

// hide takes indexes out of the answer: they are between the gateway and the back end.
func (j *job) hide(o *owner) {
	for _, x := range o.kind.index {
		j.drop(o.object, x.Into)
	}
}

// drop puts null in the place of a member.
func (j *job) drop(object *strictjson.Value, name string) {
	for i := range object.Members {
		if m := &object.Members[i]; m.Name == name && m.Value.Kind != strictjson.Null {
			from := len(j.new)
			j.new = append(j.new, "null"...)
			j.edits = append(j.edits, edit{m.Value.Start, m.Value.End, from, len(j.new)})
		}
	}
}

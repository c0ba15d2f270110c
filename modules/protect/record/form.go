package record

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/protect/field"
)

// Pair is a field of a form.
type Pair struct{ Name, Value string }

// Form is a form on its way to the back end: a record of strings. Its fields are given one after another.
type Form struct {
	j    job
	plan *Plan
	o    *owner // nil: the plan has no record that a form could be
}

// NewForm begins a form. get gives the fields that name the record or its key set; where a field is given twice, none.
func (p *Plan) NewForm(ctx context.Context, env *Env, get func(name string) (string, bool)) *Form {
	f := &Form{j: job{ctx: ctx, env: env}, plan: p}
	if k := p.root.record; k != nil {
		f.o = &owner{kind: k, get: get}
		if k.mint != "" {
			f.o.minted = env.Mint()
		}
	}
	return f
}

// Minted is the field that the gateway makes, if it makes one.
func (f *Form) Minted() (p Pair, ok bool) {
	if f.o == nil || f.o.minted == "" {
		return p, false
	}
	return Pair{f.o.kind.mint, f.o.minted}, true
}

// Indexes tells whether fields are made of others: only a form that is read whole can have them.
func (f *Form) Indexes() bool { return f.o != nil && len(f.o.kind.index) > 0 }

// Counts tells what was done so far.
func (f *Form) Counts() Counts { return f.j.Counts }

// Value is what the back end gets in the place of a field's value.
func (f *Form) Value(name, value string) (string, error) {
	f.j.trail = append(f.j.trail[:0], step{name: name})
	node, err := f.field(name)
	if err != nil {
		return "", f.j.at(err)
	}
	if field.IsToken(value) {
		return "", f.j.at(ErrSent)
	}
	if node == nil || value == "" {
		return value, nil
	}
	if !utf8.ValidString(value) {
		return "", f.j.at(ErrJSON)
	}
	if err := f.j.settle(f.o); err != nil {
		return "", err
	}
	f.o.place.Field = node.field
	token, err := f.o.place.Seal(appendString(make([]byte, 0, len(value)+8), value))
	if err != nil {
		return "", f.j.at(fmt.Errorf("%w: %w", ErrKeys, err))
	}
	f.j.Fields++
	return token, nil
}

// File tells whether a part that is a file has a name of its own: that of a field would take the field past the encryption.
func (f *Form) File(name string) error {
	f.j.trail = append(f.j.trail[:0], step{name: name})
	node, err := f.field(name)
	if err == nil && node != nil {
		err = ErrShape
	}
	if err != nil {
		return f.j.at(err)
	}
	return nil
}

// field finds what is done with a field; nil passes it on. Servers take text, text[], text[0] and text.a for the same name, or for members of it.
func (f *Form) field(name string) (*node, error) {
	if field.IsToken(name) {
		f.j.trail = f.j.trail[:0] // it is not repeated
		return nil, ErrSent
	}
	base := name
	if i := strings.IndexAny(name, "[.]"); i >= 0 {
		base = name[:i]
	}
	if f.o != nil && f.o.kind.makes(base) {
		return nil, ErrOwn
	}
	found, twisted := f.plan.root.find(base)
	switch {
	case twisted && found == nil:
		return nil, ErrCase
	case found == nil || !found.any():
		return nil, nil
	case base != name, found.field == "", f.o == nil:
		return nil, ErrShape
	}
	return found, nil
}

// makes tells whether a member of that name, in whatever case, is the gateway's to make.
func (k *kind) makes(name string) bool {
	mine := k.mint != "" && strings.EqualFold(name, k.mint)
	for _, x := range k.index {
		mine = mine || strings.EqualFold(name, x.Into)
	}
	return mine
}

// maxPairs bounds the fields of a form.
const maxPairs = 10_000

// errForm says that servers read a form differently.
var errForm = errors.New("the form can't be read without doubt")

// SealForm encrypts the fields of an application/x-www-form-urlencoded body. The error is an *Error.
func (p *Plan) SealForm(ctx context.Context, env *Env, body []byte) ([]byte, Counts, error) {
	pairs, err := ParseForm(string(body))
	if err != nil {
		return nil, Counts{}, &Error{"", fmt.Errorf("%w: %w", ErrJSON, err)}
	}
	f := p.NewForm(ctx, env, single(pairs))
	var out []Pair
	if m, ok := f.Minted(); ok {
		out = append(out, m)
	}
	for _, pair := range pairs {
		v, err := f.Value(pair.Name, pair.Value)
		if err != nil {
			return nil, Counts{}, err
		}
		out = append(out, Pair{pair.Name, v})
	}
	if f.Indexes() {
		if out, err = f.index(out, pairs); err != nil {
			return nil, Counts{}, err
		}
	}
	return []byte(EncodeForm(out)), f.Counts(), nil
}

// index appends what is made of fields.
func (f *Form) index(out, pairs []Pair) ([]Pair, error) {
	get := single(pairs)
	for _, x := range f.o.kind.index {
		v, ok := get(x.Member)
		if !ok || v == "" {
			continue
		}
		if err := f.j.settle(f.o); err != nil {
			return nil, err
		}
		sum, err := Blind(f.o.set, x.Member, v)
		if err != nil {
			return nil, f.j.at(err)
		}
		out = append(out, Pair{x.Into, sum})
	}
	return out, nil
}

// single gives fields that are there once.
func single(pairs []Pair) func(string) (string, bool) {
	return func(name string) (value string, ok bool) {
		for _, p := range pairs {
			if p.Name != name {
				continue
			}
			if ok {
				return "", false
			}
			value, ok = p.Value, true
		}
		return value, ok
	}
}

// ParseForm reads a query or a form, and refuses what servers read differently: semicolons, which some take for ampersands, and broken escapes.
func ParseForm(s string) (pairs []Pair, err error) {
	if strings.Contains(s, ";") || !utf8.ValidString(s) {
		return nil, errForm
	}
	for part := range strings.SplitSeq(s, "&") {
		if part == "" {
			continue
		}
		if len(pairs) == maxPairs {
			return nil, errForm
		}
		name, value, _ := strings.Cut(part, "=")
		var p Pair
		if p.Name, err = url.QueryUnescape(name); err != nil {
			return nil, errForm
		}
		if p.Value, err = url.QueryUnescape(value); err != nil {
			return nil, errForm
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// EncodeForm writes one.
func EncodeForm(pairs []Pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}

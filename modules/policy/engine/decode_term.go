package engine

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// termDecoder makes AST values of JSON text at once. Of a large document the tree that Decode makes would take as much memory again.
type termDecoder struct {
	decoder
	sharing
	pairs []pair      // of the objects that are open, the outermost first
	terms []*ast.Term // of the arrays
}

// decodeTerm is to policies what the result of Decode would be.
func decodeTerm(raw []byte) (*ast.Term, error) {
	d := &termDecoder{decoder: decoder{raw: raw}, sharing: newSharing()}
	t, err := d.value(0)
	if err := d.end(err); err != nil {
		return nil, err
	}
	return t, nil
}

func (d *termDecoder) value(depth int) (*ast.Term, error) {
	d.pace.step()
	switch b := d.next(); {
	case b == '"':
		raw, err := d.quoted()
		if err != nil {
			return nil, err
		}
		return shared(d.values, raw), nil
	case b == '{' || b == '[':
		if depth == deepest {
			return nil, errDeep
		}
		d.at++
		if b == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case b == '-' || b >= '0' && b <= '9':
		n, err := d.number()
		if err != nil {
			return nil, err
		}
		return numberTerm(json.Number(n)), nil
	case b == 't':
		return ast.InternedTerm(true), d.literal("true")
	case b == 'f':
		return ast.InternedTerm(false), d.literal("false")
	case b == 'n':
		return nullTerm, d.literal("null")
	}
	return nil, d.wrong()
}

func (d *termDecoder) array(depth int) (*ast.Term, error) {
	if d.next() == ']' {
		d.at++
		return ast.ArrayTerm(), nil
	}
	begin := len(d.terms)
	for {
		v, err := d.value(depth)
		if err != nil {
			return nil, within(strconv.Itoa(len(d.terms)-begin), err)
		}
		d.terms = append(d.terms, v)
		if d.next() == ',' {
			d.at++
			continue
		}
		if err := d.take(']'); err != nil {
			return nil, err
		}
		t := ast.ArrayTerm(slices.Clone(d.terms[begin:])...)
		d.terms = d.terms[:begin]
		return t, nil
	}
}

func (d *termDecoder) object(depth int) (*ast.Term, error) {
	if d.next() == '}' {
		d.at++
		return ast.ObjectTerm(), nil
	}
	begin := len(d.pairs)
	for {
		if d.next() != '"' {
			return nil, d.wrong()
		}
		raw, err := d.quoted()
		if err == nil {
			err = d.take(':')
		}
		if err != nil {
			return nil, err
		}
		var name *ast.Term
		if len(d.pairs)-begin < record {
			name = shared(d.names, raw)
		} else {
			name = ast.StringTerm(string(raw))
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, within(string(name.Value.(ast.String)), err)
		}
		d.pairs = append(d.pairs, pair{name, v})
		if d.next() == ',' {
			d.at++
			continue
		}
		if err := d.take('}'); err != nil {
			return nil, err
		}
		members := d.pairs[begin:]
		d.pairs = d.pairs[:begin]
		return objectOf(members)
	}
}

// objectOf makes an object of its members, which it sorts and does not keep.
func objectOf(members []pair) (*ast.Term, error) {
	byName := func(a, b pair) int { return strings.Compare(nameOf(a), nameOf(b)) }
	if !slices.IsSortedFunc(members, byName) {
		slices.SortFunc(members, byName)
	}
	for i := 1; i < len(members); i++ {
		if name := nameOf(members[i]); name == nameOf(members[i-1]) {
			return nil, &twiceError{[]string{name}}
		}
	}
	return ast.ObjectTerm(members...), nil
}

func nameOf(p pair) string { return string(p[0].Value.(ast.String)) }

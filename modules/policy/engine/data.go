package engine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// digestOf is the revision of modules and data: the first 12 hexadecimal digits of a SHA-256.
type digestOf struct{ hash.Hash }

func newDigest(modules map[string]string) digestOf {
	d := digestOf{sha256.New()}
	for _, n := range slices.Sorted(maps.Keys(modules)) {
		fmt.Fprintf(d, "%d:%s%d:%s", len(n), n, len(modules[n]), modules[n])
	}
	return d
}

func (d digestOf) String() string { return hex.EncodeToString(d.Sum(nil))[:12] }

// dataReader goes through data once, in the order of their names: it digests them and makes AST values of them. A document may have
// millions of values. What comes again and again in it, as the names of the members of records, becomes one term; and since
// requests are decided meanwhile, it steps aside for them.
type dataReader struct {
	to   *bufio.Writer
	only bool // digest only
	sharing
	pace pace
}

// sharing are terms that come again and again.
type sharing struct{ names, values map[string]*ast.Term }

func newSharing() sharing { return sharing{map[string]*ast.Term{}, map[string]*ast.Term{}} }

const (
	maxShared  = 1 << 14 // terms of each kind that are at hand
	longShared = 64      // bytes of a string that may be one
	record     = 32      // members of an object whose names may be: more, and they are keys
)

// readData returns the data as AST values, and digests them.
func readData(d digestOf, data map[string]any) (ast.Object, error) {
	r := &dataReader{to: bufio.NewWriterSize(d, 1<<15), sharing: newSharing()}
	t, err := r.object(data)
	if err != nil {
		return nil, fmt.Errorf("reading the policy's data: %w", err)
	}
	return t.Value.(ast.Object), r.to.Flush()
}

func digestData(d digestOf, data map[string]any) error {
	r := &dataReader{to: bufio.NewWriterSize(d, 1<<15), only: true}
	if _, err := r.object(data); err != nil {
		return fmt.Errorf("reading the policy's data: %w", err)
	}
	return r.to.Flush()
}

// term reads one value. Each part is digested with its kind and its length, so that no two documents share a digest.
func (r *dataReader) term(v any) (*ast.Term, error) {
	r.pace.step()
	switch v := v.(type) {
	case nil:
		r.mark('0', 0)
		return nullTerm, nil
	case bool:
		if v {
			r.mark('t', 0)
		} else {
			r.mark('f', 0)
		}
		return ast.InternedTerm(v), nil
	case string:
		r.text('s', v)
		if r.only {
			return nil, nil
		}
		return shared(r.values, v), nil
	case json.Number:
		r.text('n', string(v))
		return r.number(v), nil
	case []any:
		return r.array(v)
	case map[string]any:
		return r.object(v)
	}
	// Not from JSON: what a test, or a tool, has put together.
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, err
	}
	return r.term(plain)
}

func (r *dataReader) array(list []any) (*ast.Term, error) {
	r.mark('a', len(list))
	terms := make([]*ast.Term, len(list))
	for i, v := range list {
		t, err := r.term(v)
		if err != nil {
			return nil, err
		}
		terms[i] = t
	}
	if r.only {
		return nil, nil
	}
	return ast.ArrayTerm(terms...), nil
}

func (r *dataReader) object(members map[string]any) (*ast.Term, error) {
	r.mark('o', len(members))
	pairs := make([]pair, 0, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		r.text('m', name)
		t, err := r.term(members[name])
		if err != nil {
			return nil, err
		}
		if r.only {
			continue
		}
		key := ast.StringTerm
		if len(members) <= record {
			key = r.name
		}
		pairs = append(pairs, pair{key(name), t})
	}
	if r.only {
		return nil, nil
	}
	return ast.ObjectTerm(pairs...), nil
}

func (s sharing) name(n string) *ast.Term { return shared(s.names, n) }

// shared is a string's term, the one that is known if it is.
func shared[S string | []byte](known map[string]*ast.Term, s S) *ast.Term {
	if len(s) > longShared {
		return ast.StringTerm(string(s))
	}
	if t, ok := known[string(s)]; ok {
		return t
	}
	if len(known) == maxShared {
		clear(known) // what comes again and again is soon back
	}
	t := ast.StringTerm(string(s))
	known[string(t.Value.(ast.String))] = t
	return t
}

func (r *dataReader) number(n json.Number) *ast.Term {
	if r.only {
		return nil
	}
	return numberTerm(n)
}

func numberTerm(n json.Number) *ast.Term {
	if i, err := strconv.Atoi(string(n)); err == nil && len(n) < 4 && strconv.Itoa(i) == string(n) {
		return ast.InternedTerm(i)
	}
	return ast.NumberTerm(n)
}

// mark and text write to the digest, which does not fail.
func (r *dataReader) mark(kind byte, n int) {
	var b [binary.MaxVarintLen64 + 1]byte
	b[0] = kind
	r.to.Write(b[:1+binary.PutUvarint(b[1:], uint64(n))])
}

func (r *dataReader) text(kind byte, s string) {
	r.mark(kind, len(s))
	r.to.WriteString(s)
}

var nullTerm = ast.NullTerm()

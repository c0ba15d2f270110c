package engine

import (
	"errors"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Bounds of a query that a policy sees.
const (
	maxQuery      = 8 << 10
	maxParameters = 128
)

// What servers read differently. These are reasons in events: none holds anything of the query.
var (
	errQueryLarge  = errors.New("the query is too large to be decided on")
	errQueryMany   = errors.New("the query has too many parameters to be decided on")
	errQuerySign   = errors.New("the query holds a ; or a #, at which some servers cut it")
	errQueryEscape = errors.New("the query is not well encoded")
	errQueryUTF8   = errors.New("the query is not UTF-8")
	errQueryNUL    = errors.New("the query holds a NUL")
	errQueryName   = errors.New("the query has a parameter whose name servers cut or decode differently")
	errQueryTwins  = errors.New("the query has two parameters that some servers take for one")
	errQueryAlike  = errors.New("the query has a parameter that some servers take for one that the policy asks for")
	errNoQuery     = errors.New("the query was not kept, or servers read it differently")
)

// parameter is one of a query, decoded.
type parameter struct{ name, value string }

// parameters are those of a query in the order of their names, those of one name in the order that they were sent in.
type parameters []parameter

// parseQuery reads a query as application/x-www-form-urlencoded, as url.ParseQuery does (FuzzQuery holds it to that), and refuses what other servers
// may read as something else:
//   - parameters stand between &; where nothing stands there is none. The name goes to the first =; without one the value is "";
//   - both are decoded once: %XX is a byte, + a space. A sign that must be neither is sent as %2B;
//   - a name that comes again has several values. Which of them a server takes is its own affair: a policy looks at all;
//   - names are taken as they are: brackets and dots mean nothing, and case counts.
func parseQuery(raw string) (parameters, error) {
	switch {
	case raw == "":
		return nil, nil
	case len(raw) > maxQuery:
		return nil, errQueryLarge
	case strings.Count(raw, "&") >= maxParameters:
		return nil, errQueryMany
	case strings.ContainsAny(raw, ";#"):
		return nil, errQuerySign
	}
	q := make(parameters, 0, strings.Count(raw, "&")+1)
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		var p parameter
		var err error
		if p.name, err = decodeQuery(name); err != nil {
			return nil, err
		}
		if p.value, err = decodeQuery(value); err != nil {
			return nil, err
		}
		if !plainName(p.name) {
			return nil, errQueryName
		}
		q = append(q, p)
	}
	slices.SortStableFunc(q, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	return q, q.twins()
}

func decodeQuery(s string) (string, error) {
	s, err := url.QueryUnescape(s)
	switch {
	case err != nil:
		return "", errQueryEscape
	case !utf8.ValidString(s):
		return "", errQueryUTF8
	case strings.IndexByte(s, 0) >= 0:
		return "", errQueryNUL
	}
	return s, nil
}

// plainName tells whether a decoded name means the same to who splits before decoding, after it, or decodes twice.
func plainName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c == 0x7f, c == '&', c == '=', c == ';', c == '#':
			return false
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// each goes through the names, each with all of its parameters.
func (q parameters) each(yield func(name string, same parameters) bool) {
	for len(q) > 0 {
		n := 1
		for n < len(q) && q[n].name == q[0].name {
			n++
		}
		if !yield(q[0].name, q[:n]) {
			return
		}
		q = q[n:]
	}
}

// names are those of the parameters.
func (q parameters) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range q.each {
			if !yield(name) {
				return
			}
		}
	}
}

// term is what Rego sees: an object of lists.
func (q parameters) term() *ast.Term {
	if len(q) == 0 {
		return emptyObject
	}
	pairs := make([]pair, 0, len(q))
	for name, same := range q.each {
		values := make([]*ast.Term, len(same))
		for i := range same {
			values[i] = ast.StringTerm(same[i].value)
		}
		pairs = append(pairs, pair{ast.StringTerm(name), ast.ArrayTerm(values...)})
	}
	return ast.ObjectTerm(pairs...)
}

// Unreadable tells why the policy can't be asked: it reads the query, and servers may read it differently. Where it does not read it, any will do.
func (s *Snapshot) Unreadable(in *Input) error {
	if in.Query == "" || !s.reads.any(readQuery) {
		return nil
	}
	q, err := parseQuery(in.Query)
	if err != nil {
		return err
	}
	return s.asked.alike(q.names())
}

// unreadable tells the same of a document that was kept. What had no one reading is not in it.
func (s *Snapshot) unreadable(document ast.Value) error {
	if !s.reads.any(readQuery) {
		return nil
	}
	v, err := document.Find(ast.Ref{kRequest, kQuery})
	if err != nil {
		return errNoQuery
	}
	q, ok := v.(ast.Object)
	if !ok {
		return errNoQuery
	}
	return s.asked.alike(func(yield func(string) bool) {
		for _, k := range q.Keys() {
			if name, ok := k.Value.(ast.String); ok && !yield(string(name)) {
				return
			}
		}
	})
}

package schema

import (
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Schema is what a value is held to. It never changes: any number of goroutines may use it.
type Schema struct{ root *node }

// node is one schema with all its keywords, ready to run.
type node struct {
	location string // in the document, for errors at load

	never bool  // the schema false
	types kinds // 0: any
	wrong string

	enum  *values
	fixed *values // const
	str   *stringRules
	num   *numberRules
	obj   *objectRules
	arr   *arrayRules

	// Schemas that the same value is held to.
	ref                  *node
	all, any, one        []*node
	not                  *node
	when, yes, otherwise *node

	// Known once the whole tree is made.
	state    visit
	names    map[string]bool   // properties that it and the schemas of the same value name
	folded   map[string]string // the same by casefold.Name
	branches bool              // what it evaluates depends on the value
	reads    kinds             // types that it and the schemas of the same value name
}

type visit uint8

const (
	fresh visit = iota
	entered
	done
)

// inPlace calls f with every schema that the same value is held to, and whose annotations count.
func (n *node) inPlace(f func(*node) error) error {
	lists := [][]*node{{n.ref, n.when, n.yes, n.otherwise}, n.all, n.any, n.one}
	if n.obj != nil {
		for _, d := range n.obj.dependent {
			lists = append(lists, []*node{d.schema})
		}
	}
	for _, l := range lists {
		for _, m := range l {
			if m == nil {
				continue
			}
			if err := f(m); err != nil {
				return err
			}
		}
	}
	return nil
}

type stringRules struct {
	min, max int // of characters; max -1: none
	short    string
	long     string
	pattern  jsonschema.Regexp
	format   *jsonschema.Format
	form     string
}

type numberRules struct {
	min, max             *bound
	multiple             *big.Rat
	notMultiple          string
	bits                 int // of a format int32 or int64
	small, large, bounds string
}

type bound struct {
	exact     *big.Rat
	whole     int64 // where small
	small     bool  // exact is whole
	exclusive bool
}

type objectRules struct {
	min, max    int // members; max -1: none
	few, many   string
	required    []string
	properties  map[string]property
	patterns    []pattern
	additional  *node // nil: nothing is said
	names       *node
	unevaluated *node
	needs       []need
	dependent   []dependent
}

type property struct {
	schema  *node
	refused string // why it may not come in this direction at all; "" it may
}

type pattern struct {
	name   jsonschema.Regexp
	schema *node
}

// need says which members must come with another.
type need struct {
	name string
	with []string
}

// dependent is a schema for objects that have a member.
type dependent struct {
	name   string
	schema *node
}

type arrayRules struct {
	min, max                 int // items; max -1: none
	few, many                string
	unique                   bool
	prefix                   []*node
	items                    *node
	contains                 *node
	minContains, maxContains int // max -1: none
	unevaluated              *node
}

// kinds is a set of JSON types, by strictjson's kinds.
type kinds uint8

const integer kinds = 1 << 7

func kindOf(k strictjson.Kind) kinds { return 1 << k }

package engine

import (
	_ "embed" // the schema
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Schema is the JSON schema of the document that Value makes. The compiler checks `input` in policies against it, so that a
// misspelt member, which would be undefined and so refuse (or, behind a `not`, allow), is an error at load.
//
//go:embed input.schema.json
var Schema []byte

// schemas holds Schema as the type of `input`. A body may be anything.
func schemas() (*ast.SchemaSet, error) {
	var schema any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		return nil, fmt.Errorf("reading the schema of the input: %w", err)
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, schema)
	return set, nil
}

// Unknown lists the members of a document, as JSON, that no input has ("identty", "request.permision"): one that was written by hand may have some.
func Unknown(document []byte) ([]string, error) {
	type node struct {
		Ref        string           `json:"$ref"`
		Properties map[string]*node `json:"properties"`
	}
	var schema struct {
		node
		Definitions map[string]*node `json:"definitions"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		return nil, fmt.Errorf("reading the schema of the input: %w", err)
	}
	var doc any
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("reading the input: %w", err)
	}
	var unknown []string
	var walk func(at string, n *node, v any)
	walk = func(at string, n *node, v any) {
		if name, ok := strings.CutPrefix(n.Ref, "#/definitions/"); ok {
			n = schema.Definitions[name]
		}
		members, ok := v.(map[string]any)
		if !ok || n.Properties == nil { // a body may hold anything
			return
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if known := n.Properties[name]; known != nil {
				walk(at+name+".", known, members[name])
			} else {
				unknown = append(unknown, at+name)
			}
		}
	}
	walk("", &schema.node, doc)
	return unknown, nil
}

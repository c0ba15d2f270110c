package engine

import (
	_ "embed" // the schema
	"encoding/json"
	"fmt"

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

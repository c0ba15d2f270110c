package author

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const codeMasks = "masks_error"

var fieldsRef = ast.MustParseRef("data.fields")

// unmasked finds fields that the data want masked, under a policy that looks at no field: a mask is done where the decision asks for it (the obligation
// mask), so nobody would be spared the sight of them. src is one that compiles.
func unmasked(src *engine.Source) []Problem {
	table, err := classify.New(src.Data["fields"], src.Data["classifications"])
	if err != nil {
		return []Problem{{Code: codePolicy, Message: err.Error()}}
	}
	route := maskedRoute(table)
	if route == "" || readsFields(src) {
		return nil
	}
	return []Problem{{Code: codeMasks, Message: "data.fields has masked fields (" + route + "), and no rule reads it: so none is masked", Details: []string{
		"the gateway masks what a decision names: {\"obligations\": {\"mask\": [\"mail:/mail\"]}}", "fields.rego of the shipped policy is a model"}}}
}

// maskedRoute is the first route with a masked field in what is answered; "" where none has one.
func maskedRoute(t *classify.Table) string {
	masked := func(fields []classify.Field) bool {
		for _, f := range fields {
			if f.Masked {
				return true
			}
		}
		return false
	}
	for _, r := range t.Routes() {
		if masked(r.Response) {
			return r.Name
		}
		for _, fields := range r.Out {
			if masked(fields) {
				return r.Name
			}
		}
	}
	return ""
}

// readsFields says whether a rule names data.fields, or may: data without a name, or with one that is computed.
func readsFields(src *engine.Source) (found bool) {
	for name, text := range src.Modules {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return true // said elsewhere
		}
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if len(r) > 0 && r[0].Equal(ast.DefaultRootDocument) {
				found = found || len(r) == 1 || !isString(r[1]) || r.HasPrefix(fieldsRef)
			}
			return found
		})
	}
	return found
}

func isString(t *ast.Term) bool {
	_, ok := t.Value.(ast.String)
	return ok
}

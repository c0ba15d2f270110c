package authorize

import (
	"encoding/json"
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/casefold"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

var (
	errNumber = errors.New("a number that is not one to every reader")
	errFolded = errors.New("two members differ only in upper and lower case")
)

// bodyValue is JSON as the policy sees it. Readers that tell no case in names, as Go's do, would take either of two members for the one
// that the policy looked at, and large numbers become infinite to most: both are refused.
func bodyValue(v *strictjson.Value) (ast.Value, error) {
	switch v.Kind {
	case strictjson.Null:
		return ast.NullValue, nil
	case strictjson.Bool:
		return ast.Boolean(v.Text == "true"), nil
	case strictjson.String:
		return ast.String(v.Text), nil
	case strictjson.Number:
		if !strictjson.PlainNumber(v.Text) {
			return nil, errNumber
		}
		return ast.Number(json.Number(v.Text)), nil
	case strictjson.Array:
		items := make([]*ast.Term, len(v.Items))
		for i := range v.Items {
			item, err := bodyValue(&v.Items[i])
			if err != nil {
				return nil, err
			}
			items[i] = ast.NewTerm(item)
		}
		return ast.NewArray(items...), nil
	}
	return bodyObject(v.Members)
}

func bodyObject(members []strictjson.Member) (ast.Value, error) {
	pairs := make([][2]*ast.Term, len(members))
	seen := make(map[string]bool, len(members))
	for i := range members {
		m := &members[i]
		name := casefold.Name(m.Name)
		if seen[name] {
			return nil, errFolded
		}
		seen[name] = true
		value, err := bodyValue(&m.Value)
		if err != nil {
			return nil, err
		}
		pairs[i] = [2]*ast.Term{ast.StringTerm(m.Name), ast.NewTerm(value)}
	}
	return ast.NewObject(pairs...), nil
}

// valuesIn is the most values that JSON of that text can hold: every one but the first follows a comma, a colon or a bracket.
func valuesIn(text []byte) int {
	n := 1
	for _, c := range text {
		switch c {
		case ',', ':', '[', '{':
			n++
		}
	}
	return n
}

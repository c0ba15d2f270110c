package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

// grantsName is what policies call to ask about other objects, and other people, than those that `input.grants` tells of.
const grantsName = "gateway.grants"

// Asker gives the relations of a subject, and of everyone, to an object ("type:id"): none where either can't be one.
type Asker func(ctx context.Context, subject, object string) ([]string, error)

// WithGrants has the policy's gateway.grants(subject, object) ask. Every policy may call it; without this option (in tests, say, which
// give it another meaning by `with`) a call fails.
func WithGrants(ask Asker) Option { return WithFunctions(grantsFunction(ask)) }

// errGrants is why there is no decision where the grants could not be asked: the same request may well be allowed later.
var errGrants = errors.New("grants can't be read")

// grantsFunction is not steady: what was granted may change at any time, so that what hangs on it is asked each time.
func grantsFunction(ask Asker) Function {
	return Function{
		Name:        grantsName,
		Description: "The relations of a subject, and of everyone, to an object (type:id), as the gateway's grants tell.",
		Type: types.NewFunction(
			types.Args(types.Named("subject", types.S).Description("a user name"), types.Named("object", types.S).Description("type:id")),
			types.Named("relations", types.NewArray(nil, types.S))),
		Call: func(bctx topdown.BuiltinContext, args []*ast.Term) (*ast.Term, error) {
			subject, ok1 := args[0].Value.(ast.String)
			object, ok2 := args[1].Value.(ast.String)
			switch {
			case !ok1 || !ok2: // of a value that is only known at the evaluation
				return nil, errors.New("the subject and the object must be strings")
			case ask == nil:
				return nil, errors.New("there are no grants to ask here: in tests, say what it gives by `with " + grantsName + " as …`")
			}
			relations, err := ask(bctx.Context, string(subject), string(object))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errGrants, err)
			}
			return (*terms)(nil).list(relations), nil
		},
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maskPath is where a policy says what of an input must not be logged, as OPA's decision logs have it.
const maskPath = "data.system.log.mask"

// newMaskQuery returns nil where the policy masks nothing.
func newMaskQuery(c *ast.Compiler) (*prepared, error) {
	if len(c.GetRulesWithPrefix(ast.MustParseRef(maskPath))) == 0 {
		return nil, nil
	}
	return prepare(c, maskPath)
}

// Masks asks the policy what of this must not be logged. The document is {"input", "result", "path", "decision_id"}; the answer's elements are
// strings or objects, as the policy gives them. None where it masks nothing. Any error, and a panic, means that nothing may be logged.
func (s *Snapshot) Masks(ctx context.Context, document ast.Value, o Options) (masks []any, err error) {
	if s.masks == nil {
		return nil, nil
	}
	defer func() {
		if r := recover(); r != nil {
			masks, err = nil, fmt.Errorf("%s panicked: %v", maskPath, r)
		}
	}()
	values, err := s.run(ctx, s.masks, document, nil, o)
	switch {
	case err != nil:
		return nil, fmt.Errorf("evaluating %s: %w", maskPath, err)
	case len(values) == 0:
		return nil, nil // no rule held
	case len(values) > 1:
		return nil, errors.New(maskPath + " has several values")
	}
	plain, err := ast.JSON(values[0])
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", maskPath, err)
	}
	list, ok := plain.([]any)
	if !ok {
		return nil, errors.New(maskPath + " is no set")
	}
	return list, nil
}

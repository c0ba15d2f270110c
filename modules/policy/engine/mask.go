package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// HidesResults tells whether something of results, too, may have to be kept out of the log: some mask is not, as it is written, one below /input.
func (s *Snapshot) HidesResults() bool { return s.hidesResults }

func hidesResults(c *ast.Compiler) bool {
	for _, r := range c.GetRulesWithPrefix(ast.MustParseRef(maskPath)) {
		if r.Head.Key == nil || !masksInput(r.Head.Key) {
			return true
		}
	}
	return false
}

func masksInput(t *ast.Term) bool {
	if o, ok := t.Value.(ast.Object); ok {
		if t = o.Get(ast.StringTerm("path")); t == nil {
			return false
		}
	}
	path, ok := t.Value.(ast.String)
	return ok && (path == "/input" || strings.HasPrefix(string(path), "/input/"))
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

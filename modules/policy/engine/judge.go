package engine

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Judge decides about a document as Engine.Decide does about the input it stands for: for inputs that were kept.
func (s *Snapshot) Judge(ctx context.Context, document ast.Value, o Options) (d Decision, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = Refused(Panicked, "the policy engine failed", s.Revision), fmt.Errorf("the policy engine panicked: %v", r)
		}
	}()
	if why := s.unreadable(document); why != nil { // fail closed
		return Refused(Ambiguous, why.Error(), s.Revision), nil
	}
	d, err = s.Evaluate(ctx, document, o)
	if v, notThere := document.Find(ast.Ref{kTruncated}); notThere == nil && v.Compare(ast.Boolean(true)) == 0 {
		d.unseen()
	}
	return d, err
}

package policy

import (
	"context"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// maxExamined is how many objects that the person holds are decided on, at most.
const maxExamined = 10_000

// IDs lists the ids of objects for which the answer to in, whose resource says their type, is yes: of those on which something was granted to the
// person or to everyone, at most limit. all tells that it is yes for every object there is, so that there is no list; more that there are, or
// may be, others than those listed. An error is no answer.
func (a *App) IDs(ctx context.Context, in *engine.Input, limit int) (ids []string, all, more bool, err error) {
	l := a.list(ctx, in)
	defer l.end()
	others, told, err := l.filter.Others(ctx)
	if others.Failure.Unavailable() {
		return nil, false, false, fmt.Errorf("deciding: %w", err)
	}
	held, cut, err := a.Objects(ctx, l.name, in.Resource.Type, maxExamined)
	if err != nil {
		return nil, false, false, err
	}
	all, more = told && others.Allow && !cut, cut || !told || others.Allow
	for _, h := range held {
		one := *in
		one.Resource.ID = strings.TrimPrefix(h.Object, in.Resource.Type+":")
		switch d := l.decide(ctx, &one); {
		case d.Failure.Unavailable():
			return nil, false, false, fmt.Errorf("deciding: %w", l.err)
		case !d.Allow:
			all = false
		case len(ids) < limit:
			ids = append(ids, one.Resource.ID)
		default:
			more = true
		}
	}
	if all {
		return nil, true, false, nil
	}
	return ids, false, more, nil
}

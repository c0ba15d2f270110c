package authorize

import (
	"context"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// transform is what is done to the JSON of answers of one exchange.
type transform struct {
	ctx      context.Context
	filter   *filter
	question *engine.Input
	masks    *jsonstream.Masks
	h        *Handler
	limit    int
	end      func()
}

// stream begins the work on an answer of that status; nil where there is none.
func (t *transform) stream(status int) *jsonstream.Stream {
	if t.filter == nil || status != http.StatusOK {
		if t.masks == nil {
			return nil
		}
		return jsonstream.New(nil, t.masks, nil, t.limit)
	}
	decide, end := t.h.policy.Filter(t.ctx, t.question)
	t.end = end
	return jsonstream.New(t.filter.list, t.masks, t.filter.keep(t.ctx, t.question, decide, t.h), t.limit)
}

// over tells the policy that the list is over, and counts.
func (t *transform) over(s *jsonstream.Stream) {
	if t.end != nil {
		t.end()
	}
	if s != nil {
		_, removed := s.Counts()
		filteredOut.Add(float64(removed))
	}
}

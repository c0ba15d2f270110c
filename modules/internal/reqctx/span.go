package reqctx

import (
	"context"

	"github.com/convosphere/gateway/modules/internal/trace"
)

// Traced tells whether spans are recorded of the request.
func Traced(ctx context.Context) bool {
	rc := From(ctx)
	return rc != nil && rc.Trace.Sampled()
}

// Span says that a question to a store, a database or the like begins, for the request's trace. The function that it returns is called when the question has ended,
// with its error. Whoever makes a name or attributes for it asks Traced before.
func Span(ctx context.Context, name string, attrs ...trace.Attr) (ended func(error)) {
	if rc := From(ctx); rc != nil && rc.Trace.Sampled() {
		return rc.Trace.Begun(name, attrs)
	}
	return untraced
}

func untraced(error) {}

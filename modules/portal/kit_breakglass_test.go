package portal

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (p *people) TakeBreakGlass(_ context.Context, _ *reqctx.Request, reason string) (time.Time, error) {
	p.asked = append(p.asked, "take-glass "+reason)
	return time.Unix(1_700_000_000, 0), p.err
}

func (p *people) EndBreakGlass(context.Context, *reqctx.Request) error {
	p.asked = append(p.asked, "end-glass")
	return p.err
}

func (p *people) BreakGlassUntil(context.Context, *reqctx.Identity) (time.Time, error) {
	p.asked = append(p.asked, "glass")
	return time.Unix(1_700_000_000, 0), p.err
}

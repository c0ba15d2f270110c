package limit

import (
	"context"
	"errors"
)

// Refund gives back what Take charged, as far as it has not come back by itself, and ends leases. It never makes more than a full burst.
func (l *Limiter) Refund(ctx context.Context, charges []Charge) error { return errors.ErrUnsupported }

// Debit charges what was used already, without asking, into a debt of at most one more burst. It leaves the results as they are.
func (l *Limiter) Debit(ctx context.Context, charges []Charge) error { return errors.ErrUnsupported }

// Renew has the leases of Concurrent limits last for a whole expiry from now. One that had ended is held again, whatever the limit says:
// who renews it still has what it stands for.
func (l *Limiter) Renew(ctx context.Context, charges []Charge) error { return errors.ErrUnsupported }

// Peek fills in what Take would say, and charges nothing.
func (l *Limiter) Peek(ctx context.Context, charges []Charge) error { return errors.ErrUnsupported }

// Close ends what the limiter runs beside its callers.
func (l *Limiter) Close() {}

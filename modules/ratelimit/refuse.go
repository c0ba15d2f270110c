package ratelimit

import (
	"net/http"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// refuse answers 429. Retry-After is the longest wait of those that refused: before it one of them refuses again. A zone that never admits, and one of
// things at the same time, of which nobody knows when one ends, have none to tell.
func refuse(w http.ResponseWriter, r *http.Request, charges []limit.Charge) {
	var violated []string
	var wait time.Duration
	for i := range charges {
		c := &charges[i]
		if !c.Result.Refused {
			continue
		}
		violated = append(violated, c.Zone.Name)
		wait = max(wait, waitOf(c))
	}
	problem.Write(w, r, problem.Problem{
		Status: http.StatusTooManyRequests, Type: "quota-exceeded", RetryAfter: wait,
		Extra: map[string]any{"violated-policies": violated},
	})
}

// waitOf is how long what the zone refused must wait; 0: that can't be told.
func waitOf(c *limit.Charge) time.Duration {
	if c.Zone.Limit.Kind() == limit.Concurrent {
		return 0
	}
	return max(0, c.Result.Wait)
}

// note writes on the request what refused it, or would have: its event tells. Of a socket's messages it is called again and again.
func note(rc *reqctx.Request, charges []limit.Charge, d limit.Decision) {
	longest := time.Duration(-1)
	for i := range charges {
		c := &charges[i]
		if c.Result.Shadowed {
			rc.Shadowed = with(rc.Shadowed, c.Zone.Name)
		}
		closed := d.Unavailable && c.Zone.OnFailure == limit.Closed && !c.Zone.Shadow
		if !c.Result.Refused && !closed {
			continue
		}
		rc.LimitedBy = with(rc.LimitedBy, c.Zone.Name)
		if wait := waitOf(c); wait > longest {
			rc.Limited, rc.LimitedKey, longest = c.Zone.Name, aboutOf(c.Zone).key, wait
		}
	}
}

func with(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

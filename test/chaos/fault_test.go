package chaos

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// A Redis that is slow, deaf or gone is never the gateway's outage, and lets nobody in where the limit says that it may not.
func TestFaults(t *testing.T) {
	all := Faults(t, 1500*time.Millisecond)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, Heading)
	for _, o := range all {
		fmt.Fprintln(w, o)
	}
	w.Flush()
	t.Logf("\n%s", b.String())
	for _, o := range all {
		t.Run(o.Fault+", "+o.Policy, func(t *testing.T) { o.check(t) })
	}
}

func (o Outcome) check(t *testing.T) {
	if o.TotalFailed > 0 {
		t.Errorf("%d requests got no answer: %v", o.TotalFailed, o.errs)
	}
	if o.Errors > o.Requests/2 {
		t.Errorf("of %d questions to Redis %d failed, beside %d requests: it was asked again and again", o.Asked, o.Errors, o.Requests)
	}
	switch o.Policy {
	case "closed": // what can't be counted is refused, so nothing passes uncounted
		if o.TotalAdmitted > o.TotalAllowed {
			t.Errorf("%d were admitted, %d more than the limit allows", o.TotalAdmitted, o.TotalAdmitted-o.TotalAllowed)
		}
	case "open":
		if o.Away && o.Refused > o.Sent/2 {
			t.Errorf("%d of %d were refused: not open", o.Refused, o.Sent)
		}
	case "local":
		// What Redis may have admitted before it was away, and what all gateways together do then: each counts its share.
		if o.Admitted > 2*o.Allowed+nodes {
			t.Errorf("%d were admitted: the gateways did not share a limit of %d", o.Admitted, o.Allowed)
		}
	}
	if o.Policy != "closed" && o.TotalUnavailable > 0 {
		t.Errorf("%d were 503", o.TotalUnavailable)
	}
}

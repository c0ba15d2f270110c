package ratelimit

import (
	"net/http"
	"strconv"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Fields of draft-ietf-httpapi-ratelimit-headers, in the spelling of http.Header.
const (
	policyField = "Ratelimit-Policy"
	limitField  = "Ratelimit"
)

// announce tells the client the limits that apply and where it stands: as quota the burst, as window the time in which a spent burst is
// free again. t is that time now, or, where nothing remains, the time until the next request is admitted; it is rounded up.
func announce(h http.Header, charges []limit.Charge) {
	var policies, states []byte
	for i := range charges {
		res := charges[i].Result
		if res.Skipped || charges[i].Zone.Policy == "" {
			continue
		}
		if policies != nil {
			policies, states = append(policies, ", "...), append(states, ", "...)
		}
		policies = append(policies, charges[i].Zone.Policy...)
		states = append(states, '"')
		states = append(states, charges[i].Zone.Name...)
		states = append(states, `";r=`...)
		states = strconv.AppendInt(states, res.Remaining, 10)
		t := res.Reset
		if res.Refused {
			t = res.Wait
		}
		if t >= 0 { // below: never
			states = append(states, ";t="...)
			states = strconv.AppendInt(states, seconds(t), 10)
		}
	}
	if policies == nil {
		return
	}
	h[policyField] = append(h[policyField], string(policies))
	h[limitField] = append(h[limitField], string(states))
}

package identity

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/internal/challenge"
)

// Throttle is how wrong passwords wait. A login from a device that the account is known on counts for Device alone; any other counts for Client,
// Account and Pair.
type Throttle struct {
	// Of one address or /64, whatever the names. Default: 50 free, then 10s to 5m.
	Client *Tries `json:"client,omitempty"`

	// Of one name, wherever from. Default: 20 free, then 30s to 1h.
	Account *Tries `json:"account,omitempty"`

	// Of one name from one client. Default: 5 free, then 30s to 1h.
	Pair *Tries `json:"pair,omitempty"`

	// Of one account on one of its own devices. Default: 10 free, then 30s to 1h.
	Device *Tries `json:"device,omitempty"`

	// After how many wrong tries a puzzle has to be solved for each further one; negative: never. Default: 3.
	Challenge int `json:"challenge,omitempty"`

	// The first puzzle takes 2^this hashes, later ones up to sixteen times as many; 6 to 22. Default: 18.
	ChallengeWork int `json:"challenge_work,omitempty"`

	// How many logins wait for a password hash before more are refused with 503. Default: 100 for each core.
	Queue int `json:"queue,omitempty"`
}

// Tries is one rule: the last free try begins the first wait, the next one twice as long, up to the longest, and for each longest wait one try
// is forgotten.
type Tries struct {
	// Wrong tries until the first wait, 1 to 10000.
	Free int `json:"free,omitempty"`

	// At least 1s.
	First caddy.Duration `json:"first,omitempty"`

	// Not below First, at most 24h.
	Longest caddy.Duration `json:"longest,omitempty"`
}

func (t *Tries) over(r throttle.Rule) throttle.Rule {
	if t == nil {
		return r
	}
	if t.Free != 0 {
		r.Free = t.Free
	}
	if t.First != 0 {
		r.First = time.Duration(t.First)
	}
	if t.Longest != 0 {
		r.Longest = time.Duration(t.Longest)
	}
	return r
}

func (t *Throttle) config() session.Throttles {
	c := session.DefaultThrottles
	if t == nil {
		return c
	}
	c.Client, c.Account, c.Pair, c.Device = t.Client.over(c.Client), t.Account.over(c.Account), t.Pair.over(c.Pair), t.Device.over(c.Device)
	if t.Challenge > 0 {
		c.Challenge = t.Challenge
	}
	return c
}

func (t *Throttle) check() error {
	if t == nil || t.ChallengeWork == 0 {
		return nil
	}
	if t.ChallengeWork < challenge.MinWork || t.ChallengeWork > mostFirstWork {
		return fmt.Errorf("gw_identity: throttle: challenge_work %d: it is from %d to %d", t.ChallengeWork, challenge.MinWork, mostFirstWork)
	}
	return nil
}

package ratelimit

import (
	"fmt"
	"slices"
)

// defaults are the zones that always apply, unless they are turned off. Whoever guesses secrets meets the first five.
//
// login-user is wider than what the portal itself lets anybody guess at one name, so that nobody is kept out of their account by others'
// guesses: it is for what stands behind another portal, and behind a failure of this one.
func defaults() []*Zone {
	post := func(paths ...string) (all []Route) {
		for _, p := range paths {
			all = append(all, Route{[]string{"POST"}, p})
		}
		return all
	}
	byClient, byUser := []string{"client"}, []string{"user"}
	return []*Zone{
		{Name: "login", Match: post("/auth/api/login"), Key: byClient, Measure: Measure{Rate: "10/1m", Burst: 20}},
		{Name: "login-user", Match: post("/auth/api/login"), Key: []string{"json:/username"}, CountStatus: []string{"401"}, Measure: Measure{Rate: "300/1h", Burst: 300}},
		{Name: "mfa", Match: post("/auth/api/mfa/*", "/auth/api/stepup/*"), Key: byClient, Measure: Measure{Rate: "10/1m", Burst: 10}},
		{Name: "passkey", Match: post("/auth/api/passkey/*"), Key: byClient, Measure: Measure{Rate: "20/1m", Burst: 20}},
		{Name: "register", Match: post("/auth/api/register", "/auth/api/register/*", "/auth/api/reset", "/auth/api/reset/*"), Key: byClient, Measure: Measure{Rate: "10/1m", Burst: 10}},
		{Name: "provider", Match: []Route{{[]string{"GET"}, "/auth/oidc/*"}}, Key: byClient, Measure: Measure{Rate: "30/1m", Burst: 30}},
		{Name: "account", Match: []Route{{[]string{"POST", "PUT", "PATCH", "DELETE"}, "/auth/api/account/*"}}, Key: byUser, Measure: Measure{Rate: "20/1m", Burst: 20}},
		{Name: "refresh", Match: post("/auth/api/refresh"), Key: byClient, Measure: Measure{Rate: "60/1m", Burst: 60}},
		{Name: "oauth", Match: post("/auth/oauth/token", "/auth/oauth/revoke"), Key: byClient, Measure: Measure{Rate: "60/1m", Burst: 60}},
		// Asked by every request: leased, so that who sends many costs Redis little.
		{Name: "client", Key: byClient, Mode: "leased", Measure: Measure{Rate: "100/1s", Burst: 500}},
		{Name: "user", Key: byUser, Mode: "leased", Measure: Measure{Rate: "50/1s", Burst: 250}},
		{Name: "messages", Messages: true, Key: byUser, Mode: "leased", Measure: Measure{Rate: "10/1s", Burst: 40}},
	}
}

// merge puts the handler's zones over the default ones.
func merge(base, own []*Zone) ([]*Zone, error) {
	zones := base
	seen := map[string]bool{}
	for _, z := range own {
		if seen[z.Name] {
			return nil, fmt.Errorf("zone %s is there twice", z.Name)
		}
		seen[z.Name] = true
		i := slices.IndexFunc(zones, func(b *Zone) bool { return b.Name == z.Name })
		switch {
		case i < 0 && z.Off:
			return nil, fmt.Errorf("zone %s: there is no such default zone to turn off", z.Name)
		case z.Off:
			zones = slices.Delete(zones, i, i+1)
		case i < 0:
			zones = append(zones, z.over(new(Zone)))
		default:
			zones[i] = z.over(zones[i])
		}
	}
	return zones, nil
}

// over is z with what it lacks taken from base. A rate brings its own burst.
func (z *Zone) over(base *Zone) *Zone {
	out := *z
	out.Measure = z.Measure.over(base.Measure)
	if len(out.Match) == 0 {
		out.Match = base.Match
	}
	if len(out.Key) == 0 {
		out.Key = base.Key
	}
	if out.Mode == "" {
		out.Mode, out.Lease = base.Mode, max(out.Lease, base.Lease)
	}
	if out.OnFailure == "" {
		out.OnFailure = base.OnFailure
	}
	if len(out.Tiers) == 0 {
		out.Tiers = base.Tiers
	}
	if out.Cost == nil {
		out.Cost = base.Cost
	}
	if len(out.CountStatus) == 0 {
		out.CountStatus = base.CountStatus
	}
	if out.Exempt == nil {
		out.Exempt = base.Exempt
	}
	out.Shadow = out.Shadow || base.Shadow
	out.Messages = out.Messages || base.Messages
	return &out
}

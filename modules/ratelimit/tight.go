package ratelimit

import (
	"slices"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// tighter is by how much limits are narrower for who misbehaves.
const tighter = 4

// tight is what stands for a limit while who is asking misbehaves. It counts what the limit itself counts, so that nobody begins anew.
type tight struct {
	limit limit.Zone
	// What is refused is counted by the limit as it is for others, in this process: who is refused only because the limit is tight, as a crowd behind
	// one address may be, does not misbehave by that.
	refused limit.Zone
}

// level is what became of who is asking: by their score, or because a response narrows their limits.
func (h *Handler) level(rc *reqctx.Request) abuse.Level {
	if h.ground == nil || !rc.Client.IP.IsValid() {
		return abuse.None
	}
	who := measure.Caller(rc)
	l := h.ground.Abuse.LevelOf(who.IP, who.User)
	if l < abuse.Tight && h.ground.Measures.Of(who).Has(measure.Throttle) {
		l = abuse.Tight
	}
	return l
}

// challenged tells whether who is asking has a puzzle to solve: by their score, or because a response sets one.
func (h *Handler) challenged(rc *reqctx.Request, l abuse.Level) bool {
	return l >= abuse.Challenged || h.ground != nil && h.ground.Measures.Of(measure.Caller(rc)).Has(measure.Challenge)
}

// ofOne tells whether the zone counts one caller, so that who is refused has done it alone.
func (z *Zone) ofOne() bool {
	return slices.ContainsFunc(z.key, func(p part) bool {
		switch p.kind {
		case byClient, byUser, bySession, byToken:
			return true
		}
		return false
	})
}

// buildTight compiles what stands for the zone's limits. Quotas are what somebody is entitled to, not a fence: they stay as they are.
func (z *Zone) buildTight() {
	if !z.ofOne() {
		return
	}
	z.tight = map[*limit.Zone]*tight{}
	stand := func(l *limit.Zone) {
		if l.Limit.Kind() == limit.Quota {
			return
		}
		t := &tight{limit: *l, refused: *l}
		t.limit.Limit = l.Limit.Tighter(tighter)
		t.limit.Policy = z.policy(t.limit.Limit)
		t.refused.Tier += ":refused"
		z.tight[l] = t
	}
	stand(&z.limit)
	for _, t := range z.Tiers {
		stand(&t.limit)
	}
}

// at is the zone's limit for who is asking.
func (z *Zone) at(a *asked) *limit.Zone {
	l := z.of(a.tier)
	if a.level >= abuse.Tight {
		if t := z.tight[l]; t != nil {
			return &t.limit
		}
	}
	return l
}

// misbehaved notes that who is asking runs into limits of their own.
func (h *Handler) misbehaved(rc *reqctx.Request, charges []limit.Charge) {
	if h.ground == nil {
		return
	}
	for i := range charges {
		if charges[i].Result.Refused && h.counts(&charges[i]) {
			user := ""
			if rc.Identity != nil {
				user = rc.Identity.Subject
			}
			h.ground.Abuse.NoteClient(rc.Client, user, abuse.Limited)
			return
		}
	}
}

// counts tells whether a refusal is a fault of who is asking.
func (h *Handler) counts(c *limit.Charge) bool {
	z := aboutOf(c.Zone).zone
	if z == nil {
		return false
	}
	if z.tight[c.Zone] != nil {
		return true // of the limit as it is for all
	}
	for _, t := range z.tight {
		if &t.limit == c.Zone && t.limit.Limit.Kind() == limit.Rate {
			alone := [1]limit.Charge{{Zone: &t.refused, Subject: c.Subject, Cost: c.Cost}}
			return !t.refused.Limit.Never() && !h.state.limits.Memory.Take(alone[:])
		}
	}
	return false
}

package main

import "time"

// taken are the sessions of accounts that were taken over, one for each address.
func (k *attack) taken(a *actor, role string) []party {
	return k.parties(a, func(c *caller) *session {
		p := k.victim(a, role)
		return k.inside(a, c, p)
	})
}

// again signs in anew where a session has ended or is over.
func (k *attack) again(a *actor, q *party) bool {
	if !q.s.ended && k.w.now-q.s.began < longestOfSessions.Microseconds() {
		return true
	}
	s := k.inside(a, q.c, q.s.p)
	if s == nil {
		return false
	}
	q.s = s
	return true
}

// turns has the parties act one after another, until the tries are used up.
func (k *attack) turns(a *actor, all []party, act func(i int, q party)) {
	for i := range k.tries {
		if len(all) == 0 {
			return
		}
		q := &all[i%len(all)]
		if k.again(a, q) {
			act(i, *q)
		}
		k.wait(a)
	}
}

// deletion empties rooms in the name of moderators.
func deletion(a *actor, k *attack) {
	all := k.taken(a, "moderator")
	k.turns(a, all, func(_ int, q party) { k.w.message(q.c, q.s, pick(a, k.w.rooms...).id, "DELETE", 204) })
}

// exfiltration downloads what a person may see: all of it. From one address it is the person's own browser, by somebody who leaves the firm.
func exfiltration(a *actor, k *attack) {
	w := k.w
	var all []party
	if k.spread == "one" {
		p := k.victim(a, "premium")
		c := p.deskCaller(a)
		if c.crowd() == 1 {
			k.about("client", c.key)
		}
		s := p.enter(a, c, p.desk)
		for s == nil {
			a.about(time.Minute)
			s = p.enter(a, c, p.desk)
		}
		k.took(s)
		k.about("device", p.desk.id)
		all = []party{{c, s}}
	} else {
		all = k.taken(a, "")
	}
	k.turns(a, all, func(_ int, q party) {
		in := pick(a, w.rooms...)
		w.history(q.c, q.s, in.id, 60_000+a.Int64N(40_000))
		w.file(a, q.c, q.s, in, 4_000_000+a.Int64N(12_000_000))
	})
}

// scraping reads every room that is open, page by page, with accounts made for it.
func scraping(a *actor, k *attack) {
	w := k.w
	all := k.parties(a, func(c *caller) *session { return k.puppet(a, c) })
	for i := range k.tries {
		if len(all) == 0 {
			return
		}
		q := &all[i%len(all)]
		if k.w.now-q.s.began > longestOfSessions.Microseconds() {
			q.s = newSession(w, q.s.p, q.s.device, w.text(26))
			k.took(q.s)
		}
		in := w.rooms[(i/3)%len(w.rooms)]
		w.history(q.c, q.s, in.id, 25_000)
		k.wait(a)
	}
}

// spam fills rooms with advertisements: over sockets as fast as they take it, or, slower, by requests.
func spam(a *actor, k *attack) {
	w := k.w
	all := k.parties(a, func(c *caller) *session { return k.puppet(a, c) })
	if len(all) == 0 {
		return
	}
	if k.speed == "fast" {
		socks := make([]*talk, len(all))
		for i, q := range all {
			socks[i] = w.openSocket(q.c, q.s)
		}
		for i := range k.tries {
			a.sleep(10 * time.Second)
			t := socks[i%len(socks)]
			t.activity(90+a.Int64N(60), a.Int64N(60), a.Int64N(25))
		}
		for _, t := range socks {
			t.close(1008, "too many messages")
		}
		return
	}
	for i := range k.tries {
		q := &all[i%len(all)]
		if k.w.now-q.s.began > longestOfSessions.Microseconds() {
			q.s = newSession(w, q.s.p, q.s.device, w.text(26))
			k.took(q.s)
		}
		for range 1 + a.IntN(4) {
			w.message(q.c, q.s, pick(a, w.rooms...).id, "POST", 201)
			a.sleep(a.between(500*time.Millisecond, 2*time.Second))
		}
		k.wait(a)
	}
}

// uploads sends programs, polyglots and known malware, to see what passes.
func uploads(a *actor, k *attack) {
	w := k.w
	all := k.parties(a, func(c *caller) *session { return k.puppet(a, c) })
	for i := range k.tries {
		if len(all) == 0 {
			return
		}
		q := all[i%len(all)]
		finding, signature := pick(a, "executable", "active", "mismatch", "polyglot", "archive-bomb", ""), ""
		if a.chance(.1) {
			finding, signature = "malware", "Example.Test-1"
		}
		w.upload(q.c, q.s, pick(a, w.rooms...).id, a.Int64N(9_000_000)+1000, finding, signature)
		k.wait(a)
	}
}

var (
	headTokenMade     = head("iam", "creation", "token-created", "success")
	headFactorRemoved = head("iam", "deletion", "second-factor-removed", "success")
	headBreakGlass    = head("iam", "change", "break-glass", "success")
)

// takeover comes in as an administrator, and stays: makes an administrator of a puppet, locks others out, takes tokens for later.
func takeover(a *actor, k *attack) {
	w := k.w
	p := k.victim(a, "admin")
	puppet := k.puppet(a, k.from(a))
	c := k.from(a)
	q := party{c, k.inside(a, c, p)}
	if q.s == nil {
		return
	}
	own := func(h, reason string) {
		id := w.text(26)
		w.owned(h, reason, id, "/auth/api/account/tokens", q.c, q.s)
		w.requestAs(id, q.c, q.s, req{method: "POST", path: "/auth/api/account/tokens", route: "/auth/api/account/tokens", status: 200, in: 90, out: 300, millis: 8, reason: "signed in"})
	}
	for i := range k.tries {
		if !k.again(a, &q) {
			return
		}
		q.c = k.from(a)
		switch i {
		case 0:
			w.accounts(q.c, q.s)
		case 1:
			w.stepUp(q.c, q.s, true)
		case 2:
			w.administer(q.c, q.s, "roles-changed", puppet.p.id, "admin")
		case 3:
			own(headTokenMade, "")
		case 4:
			own(headFactorRemoved, "totp")
		case 9:
			w.begin(headBreakGlass)
			w.str("http.request.id", w.text(26))
			w.str("gateway.route", "/auth/api/break-glass")
			w.raw(q.c.from)
			w.whose(q.s)
			w.str("gateway.break_glass.reason", "maintenance of the rooms")
			w.str("gateway.break_glass.until", time.UnixMicro(w.now).UTC().Add(15*time.Minute).Format("2006-01-02T15:04:05.000000Z"))
			w.finish()
		default:
			v := k.victim(a, "")
			k.about("user", v.id)
			w.administer(q.c, q.s, pick(a, "email-changed", "second-factors-reset", "sessions-ended", "account-disabled", "account-exported", "roles-changed"), v.id, "user")
		}
		k.wait(a)
	}
}

package main

import "time"

// stuffing tries names and passwords that leaked elsewhere: most names are nobody's here, and of the others one pair in a hundred or so is right
// (Cloudflare and OWASP give 0.1 to 2 in a hundred). Where one is, the account is looked at and left.
func stuffing(a *actor, k *attack) {
	for range k.tries {
		c := k.from(a)
		if a.chance(.75) {
			k.try(a, c, nil, k.w.text(16), false)
		} else {
			r, s := k.try(a, c, k.victim(a, ""), "", a.chance(.008))
			if r == in {
				k.w.request(c, s, req{method: "GET", path: "/auth/api/account", route: "/auth/api/account", status: 200, out: 900, millis: 4, reason: "signed in"})
			}
		}
		k.wait(a)
	}
}

// spraying tries one common password for everybody, then, later, the next. The names are known: they are in a directory of the firm.
func spraying(a *actor, k *attack) {
	order := a.Perm(len(k.w.people))
	for i := range k.tries {
		p := k.w.people[order[i%len(order)]]
		k.try(a, k.from(a), p, "", a.chance(.003))
		if (i+1)%len(order) == 0 {
			a.about(k.gap * 10) // the next password
		}
		k.wait(a)
	}
}

// bruteForce tries many passwords for one account.
func bruteForce(a *actor, k *attack) {
	p := k.victim(a, "")
	for range k.tries {
		k.try(a, k.from(a), p, "", false)
		k.wait(a)
	}
	k.try(a, k.from(a), p, "", a.chance(.3))
}

// fatigue has the password, and asks again and again for the second factor: codes are guessed, and in the end, half of the time, its
// owner reads one out on the telephone.
func fatigue(a *actor, k *attack) {
	p := k.victim(a, "moderator")
	w := k.w
	for range k.tries {
		c := k.from(a)
		if r, _ := k.try(a, c, p, "", true); r == halfway {
			for range a.IntN(3) {
				a.sleep(a.between(2*time.Second, 8*time.Second))
				w.code(attempt{c: c, p: p, account: p.account}, false, false)
			}
		}
		k.wait(a)
	}
	if a.chance(.5) {
		c := k.from(a)
		if s := k.inside(a, c, p); s != nil {
			w.accounts(c, s)
		}
	}
}

// replay uses tokens that were stolen from logs, backups and repositories: most are spent or over, some are not.
func replay(a *actor, k *attack) {
	w := k.w
	for range k.tries {
		c := k.from(a)
		p := k.victim(a, "")
		if w.gate.stopped(c, req{method: "GET", path: "/api/rooms"}) {
			k.wait(a)
			continue
		}
		switch x := a.Float64(); {
		case x < .25 && p.live != nil && !p.live.ended: // a refresh token that its owner has used since
			k.about("user", p.id)
			k.about("session", p.live.id)
			w.reuse(c, p.live)
		case x < .35 && len(w.programs) > 0: // a program's, from a repository
			q := pick(a, w.programs...)
			k.about("user", q.s.p.id)
			k.about("session", q.s.id)
			w.history(c, q.s, pick(a, q.s.p.rooms...).id, 9000)
		case x < .75:
			id := w.text(26)
			w.event(headTokenRefused, pick(a, "invalid", "invalid", "malformed"), id, c)
			w.str("http.request.method", "GET")
			w.str("url.domain", site)
			w.str("url.path", "/api/rooms")
			w.finish()
			w.gate.note(c, 2)
			w.requestAs(id, c, nil, req{method: "GET", path: "/api/rooms", status: 401, out: 125, millis: 2, problem: "unauthenticated"})
		default:
			w.request(c, nil, req{method: "POST", path: "/auth/api/refresh", route: "/auth/api/refresh", status: 401, in: 129, out: 132, millis: 5, problem: "session-ended", reason: open})
		}
		k.wait(a)
	}
}

// hijack rides on a session whose cookie was stolen, while its owner goes on in it.
func hijack(a *actor, k *attack) {
	w := k.w
	s := k.steal(a)
	for range k.tries {
		if s == nil || s.ended {
			if s = k.steal(a); s == nil {
				return
			}
		}
		c := k.from(a)
		if a.chance(.5) {
			c = c.as(s.device.agent) // the careful copy the browser's name, too
		}
		switch a.IntN(4) {
		case 0:
			w.request(c, s, req{method: "GET", path: "/api/rooms", route: "GET /api/rooms", status: 200, out: 2000, millis: 4, class: "internal", reason: "role", tier: s.tier})
		case 1:
			w.request(c, s, req{method: "GET", path: "/auth/api/account", route: "/auth/api/account", status: 200, out: 900, millis: 4, reason: "signed in"})
		default:
			w.history(c, s, pick(a, s.p.rooms...).id, 12_000)
		}
		k.wait(a)
	}
}

// steal takes the cookie of a session that is open: of the phone's app where it shall last for days.
func (k *attack) steal(a *actor) *session {
	for range 200_000 {
		p := pick(a, k.w.people...)
		s := p.live
		if k.speed == "slow" {
			s = p.carried
		}
		if s != nil && !s.ended {
			k.about("user", p.id)
			k.about("session", s.id)
			k.about("device", s.device.id)
			return s
		}
		if a.chance(.01) {
			a.about(time.Minute)
		}
	}
	return nil
}

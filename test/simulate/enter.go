package main

import "time"

// enter signs somebody in, as people do: with a typo now and then, a forgotten password once in a long while, a code that was read too late.
// It is nil where they give up.
func (p *person) enter(a *actor, c *caller, d *device) *session {
	w := a.w
	t := attempt{c: c, p: p, account: p.account, device: d}
	if p.byMail {
		t.account = p.mail
	}
	if a.chance(.006) { // another's name, or none's: a slip, or an old one
		o := t
		o.p, o.account = nil, w.text(16)
		w.signIn(o)
		a.sleep(a.between(4*time.Second, 15*time.Second))
	}
	for range p.slips(a, d) {
		if r, _ := w.signIn(t); r == refused {
			a.about(time.Minute)
		}
		a.sleep(a.between(3*time.Second, 20*time.Second))
	}
	// At least 1.5 in a hundred forget their password each month (Florêncio and Herley, A Large-Scale Study of Web Password Habits, 2007).
	if a.chance(.0012) {
		return p.forgot(a, t)
	}
	t.right = true
	r, s := w.signIn(t)
	for try := 0; (r == refused || r == challenged) && try < 3; try++ {
		a.about(2 * time.Minute)
		r, s = w.signIn(t)
	}
	if r == halfway {
		return p.giveCode(a, t)
	}
	return s
}

// slips is how often the password is mistyped: six logins in a hundred begin with a wrong one, more on phones and after a change.
// Most are put right at once (Chatterjee et al., pASSWORD tYPOS and How to Correct Them Securely, 2016).
func (p *person) slips(a *actor, d *device) int {
	chance := .06
	if d.phone {
		chance = .1
	}
	if p.passwordAt > 0 && a.w.now-p.passwordAt < 72*time.Hour.Microseconds() {
		chance = .35
	}
	n := 0
	for n < 4 && a.chance(chance) {
		n, chance = n+1, .3
	}
	return n
}

// giveCode gives the second factor.
func (p *person) giveCode(a *actor, t attempt) *session {
	a.sleep(a.between(6*time.Second, 40*time.Second))
	for p.factor == "totp" && a.chance(.06) {
		a.w.code(t, false, false)
		a.sleep(a.between(8*time.Second, 35*time.Second))
	}
	s := a.w.code(t, true, a.chance(.004))
	if s != nil {
		t.device.trust = a.w.now + daysOfTrust.Microseconds()
	}
	return s
}

var (
	headResetAsked = head("iam", "change", "password-reset-requested", "success")
	headReset      = head("iam", "change", "password-reset", "success")
	headPassword   = head("iam", "change", "password-changed", "success")
	headWrongOld   = head("authentication", "start", "password-change", "failure")
)

// forgot tries what comes to mind, and asks for a link then.
func (p *person) forgot(a *actor, t attempt) *session {
	w := a.w
	for range 3 + a.IntN(5) {
		if r, _ := w.signIn(t); r == refused {
			break
		}
		a.sleep(a.between(5*time.Second, 30*time.Second))
	}
	id := w.text(26)
	w.event(headResetAsked, "", id, t.c)
	w.finish()
	w.requestAs(id, t.c, nil, req{method: "POST", path: "/auth/api/reset", route: "/auth/api/reset", status: 202, in: 38, millis: 6, reason: open})
	a.sleep(a.between(40*time.Second, 10*time.Minute))
	id = w.text(26)
	w.event(headReset, "", id, t.c)
	w.str("user.id", p.id)
	w.finish()
	w.endSession(t.c, p.carried, "/auth/api/reset/confirm", "password changed")
	w.requestAs(id, t.c, nil, req{method: "POST", path: "/auth/api/reset/confirm", route: "/auth/api/reset/confirm", status: 204, in: 140, millis: 70, reason: open})
	p.passwordAt = w.now
	a.sleep(a.between(5*time.Second, 20*time.Second))
	t.right = true
	r, s := w.signIn(t)
	if r == halfway {
		return p.giveCode(a, t)
	}
	return s
}

// changePassword ends all other sessions, the phone's too, which goes on trying with what it has.
func (p *person) changePassword(a *actor, c *caller, s *session) *session {
	w := a.w
	route := req{method: "POST", path: "/auth/api/account/password", route: "/auth/api/account/password", in: 85, millis: 90, reason: "signed in"}
	if a.chance(.15) {
		id := w.text(26)
		w.event(headWrongOld, wrongPassword, id, c)
		w.raw(s.who)
		w.finish()
		r := route
		r.status, r.out, r.problem = 401, 153, "wrong-credentials"
		w.requestAs(id, c, s, r)
		a.sleep(a.between(8*time.Second, 30*time.Second))
	}
	id := w.text(26)
	w.event(headPassword, "", id, c)
	w.str("gateway.route", route.route)
	w.whose(s)
	w.finish()
	route.status = 204
	w.requestAs(id, c, s, route)
	w.endSession(c, p.carried, "/auth/api/account/password", "password changed")
	p.passwordAt = w.now
	if p.carried != nil && a.chance(.3) {
		w.start(w.now, nil, p.staleApp)
	}
	return s
}

// staleApp is an app that has not heard that its session is over, and tries again, and again.
func (p *person) staleApp(a *actor) {
	c := p.phoneCaller(a)
	for range 5 + a.IntN(40) {
		a.about(50 * time.Second)
		a.w.request(c, nil, req{method: "POST", path: "/auth/api/refresh", route: "/auth/api/refresh", status: 401, in: 129, out: 132, millis: 5, problem: "session-ended", reason: open})
	}
}

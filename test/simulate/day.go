package main

import "time"

// lives is somebody's life, day after day. They are at home, at work and on the way; with a browser on a desk, and with a phone in between.
func (p *person) lives(a *actor) {
	w := a.w
	for day := range w.o.days {
		start := w.midnight(day, p.at.offset)
		a.until(start + p.habit.shift.Microseconds() - a.between(time.Hour, 3*time.Hour).Microseconds())
		if a.chance(.006) && p.away == nil {
			p.travel(a)
		}
		p.phoneDay(a, day)
		_, weekday := w.clockOf(p.at.offset)
		chance := p.habit.weekday
		if weekday == time.Saturday || weekday == time.Sunday {
			chance = p.habit.weekend
		}
		if !a.chance(chance) {
			continue
		}
		a.until(start + (p.habit.shift + a.between(-40*time.Minute, 40*time.Minute)).Microseconds())
		p.atDesk(a, day)
	}
}

// phoneDay has the phone act beside the desk.
func (p *person) phoneDay(a *actor, day int) {
	n := int(p.habit.glances * (.3 + 1.4*a.Float64()))
	if n == 0 {
		return
	}
	a.w.start(a.w.now, nil, func(b *actor) {
		gap := 15 * time.Hour / time.Duration(n+1)
		for range n {
			b.about(gap)
			if day < a.w.o.days-1 && b.w.now > b.w.midnight(day+1, p.at.offset)+4*time.Hour.Microseconds() {
				return
			}
			p.glance(b)
		}
	})
}

// travel takes somebody to another country for some days. The flight is in between; the phone roams, which most carriers route through
// home (GSMA IR.88), so that it seems to have stayed.
func (p *person) travel(a *actor) {
	p.away = a.w.nets.other(a, p.at)
	a.sleep(a.between(4*time.Hour, 11*time.Hour))
	until := a.w.now + a.between(30*time.Hour, 100*time.Hour).Microseconds()
	a.w.start(until, nil, func(*actor) { p.away = nil })
}

// where the desk's packets come from now.
func (p *person) deskCaller(a *actor) *caller {
	var c *caller
	switch _, weekday := a.w.clockOf(p.at.offset); {
	case p.away != nil:
		c = newCaller(p.away.hotel, p.away.hotel.exit(a, 40), p.desk.agent)
	case p.vpn != nil && a.chance(.4):
		c = newCaller(p.vpn, p.vpn.exit(a, 30), p.desk.agent)
	case p.work != nil && weekday != time.Saturday && weekday != time.Sunday && a.chance(.75):
		c = p.work.caller(p.desk.agent)
	default:
		c = p.house.caller(a, p.desk.agent)
	}
	c.solves = true
	return c
}

// where the phone's packets come from now: half of the time from home or work.
func (p *person) phoneCaller(a *actor) *caller {
	var c *caller
	switch {
	case a.chance(.35) && p.away == nil:
		c = p.house.caller(a, p.phone.agent)
	case a.chance(.2) && p.work != nil && p.away == nil:
		c = p.work.caller(p.phone.agent)
	case a.chance(.45):
		c = newCaller(p.carrier, within(a, p.carrier.prefix64(a)), p.phone.agent)
	default:
		c = newCaller(p.carrier, p.carrier.exit(a, max(1, a.w.o.users/2500)), p.phone.agent)
	}
	c.solves = true
	return c
}

// atDesk is a stretch with the browser.
func (p *person) atDesk(a *actor, day int) {
	d := p.desk
	if a.chance(.002) { // a new computer, or all cookies deleted
		p.desk = &device{id: a.w.text(26), agent: desktopAgent(a)}
		d = p.desk
	}
	c := p.deskCaller(a)
	p.open(a, c)
	s := p.enter(a, c, d)
	if s == nil {
		return
	}
	p.live = s
	defer func() {
		if p.live == s {
			p.live = nil
		}
	}()
	if day > 0 && (p.work != nil && p.work.rotate == day || a.chance(.004)) {
		if s = p.changePassword(a, c, s); s == nil {
			return
		}
		p.live = s
	}
	if a.chance(.006) {
		p.settings(a, c, s)
	}
	hours := p.habit.hours * (.4 + 1.2*a.Float64())
	p.stay(a, c, s, time.Duration(hours*float64(time.Hour)), p.habit.bouts/p.habit.hours)
	if !s.ended && a.chance(.3) {
		a.w.request(c, s, req{method: "POST", path: "/auth/api/logout", route: "/auth/api/logout", status: 204, in: 111, millis: 4, reason: open})
		a.w.endSession(c, s, "/auth/api/logout", "logout")
	}
}

// open loads the page, which sends who is not signed in to the login.
func (p *person) open(a *actor, c *caller) {
	w := a.w
	w.request(c, nil, req{method: "GET", path: "/", status: 401, out: 125, millis: 2, problem: "unauthenticated", reason: "nobody is signed in", tier: "-", denied: true, permission: "app:read"})
	a.sleep(a.between(20*time.Millisecond, 300*time.Millisecond))
	w.request(c, nil, req{method: "GET", path: "/auth/login", route: "/auth/login", status: 200, out: 4983, millis: 3, reason: open})
	a.sleep(a.between(3*time.Second, 15*time.Second))
}

var ownChanges = []struct{ head, reason, path string }{
	{head("iam", "creation", "second-factor-added", "success"), "totp", "/auth/api/account/totp/confirm"},
	{head("iam", "deletion", "second-factor-removed", "success"), "totp", "/auth/api/account/totp"},
	{head("iam", "creation", "recovery-codes-made", "success"), "", "/auth/api/account/recovery-codes"},
	{headTokenMade, "", "/auth/api/account/tokens"},
	{head("iam", "change", "profile-changed", "success"), "", "/auth/api/account"},
	{head("iam", "change", "email-change-requested", "success"), "", "/auth/api/account/email"},
	{head("iam", "deletion", "device-removed", "success"), "", "/auth/api/account/devices"},
	{head("iam", "info", "account-exported", "success"), "", "/auth/api/account/export"},
}

// owned tells of what somebody did to their account.
func (w *world) owned(head, reason, request, route string, c *caller, s *session) {
	w.begin(head)
	w.str("event.reason", reason)
	w.str("http.request.id", request)
	w.str("gateway.route", route)
	w.raw(c.from)
	if head == headTokenMade { // of which the token is told, and not the session
		w.raw(newToken(w, s.p, "pat_").owner)
	} else {
		w.whose(s)
	}
	w.finish()
}

// settings is what people do to their own account once in a while: one thing, or, after a look at what there is, some.
func (p *person) settings(a *actor, c *caller, s *session) {
	w := a.w
	for range 1 + a.IntN(3) {
		w.request(c, s, req{method: "GET", path: "/auth/api/account", route: "/auth/api/account", status: 200, out: 900, millis: 4, reason: "signed in"})
		a.about(40 * time.Second)
		change := pick(a, ownChanges...)
		id := w.text(26)
		w.owned(change.head, change.reason, id, change.path, c, s)
		w.requestAs(id, c, s, req{method: "POST", path: change.path, route: change.path, status: 200, in: 60, out: 200, millis: 9, reason: "signed in"})
	}
}

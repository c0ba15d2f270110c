package main

import "time"

// talk is an open socket.
type talk struct {
	w                 *world
	c                 *caller
	s                 *session
	id                string
	began             int64
	msgIn, msgOut     int64
	bytesIn, bytesOut int64
	refused           int64
}

var socketRequest = req{method: "GET", path: "/api/ws", route: "GET /api/ws", class: "confidential", reason: "signed in"}

func (w *world) openSocket(c *caller, s *session) *talk {
	return &talk{w: w, c: c, s: s, id: w.text(26), began: w.now}
}

// activity tells of what passed in the last ten seconds.
func (t *talk) activity(in, out, refused int64) {
	w := t.w
	h := headActivity
	if refused > 0 {
		h = headActivityBad
	}
	bytesIn, bytesOut := in*110, out*230
	t.msgIn, t.msgOut, t.bytesIn, t.bytesOut, t.refused = t.msgIn+in, t.msgOut+out, t.bytesIn+bytesIn, t.bytesOut+bytesOut, t.refused+refused
	w.begin(h)
	r := socketRequest
	w.aboutRequest(t.id, t.c, r)
	w.str("user_agent.original", t.c.agent)
	w.raw(t.c.from)
	w.whose(t.s)
	w.count("gateway.socket.messages_in", in)
	w.count("gateway.socket.messages_out", out)
	w.count("gateway.socket.bytes_in", bytesIn)
	w.count("gateway.socket.bytes_out", bytesOut)
	w.num("gateway.socket.refused", refused)
	w.finish()
}

// forbidden sends a message for a room that is closed to its sender: the gateway ends the socket for it.
func (t *talk) forbidden(kind, id string) {
	w := t.w
	const reason = "no grant on the resource"
	r := socketRequest
	r.reason, r.permission, r.kind, r.id = reason, "room:join", kind, id
	w.denied(t.id, t.c, t.s, r)
	w.begin(headMessage)
	w.str("event.reason", reason)
	w.str("http.request.id", t.id)
	w.str("url.domain", site)
	w.str("url.path", r.path)
	w.str("gateway.route", r.route)
	w.raw(t.c.from)
	w.whose(t.s)
	w.finish()
	t.activity(1, 0, 1)
	t.close(1008, "Not allowed")
}

// close tells of the socket's end. code is 0 where the client ended it.
func (t *talk) close(code int64, reason string) {
	w := t.w
	h := headSocket
	if code == 1008 || code == 1009 {
		h = headSocketFailed
	}
	w.begin(h)
	w.aboutRequest(t.id, t.c, socketRequest)
	w.num("http.response.status_code", 101)
	w.num("http.response.body.bytes", t.bytesOut+200)
	w.num("event.duration", max(w.now-t.began, 1000)*1000)
	w.str("user_agent.original", t.c.agent)
	w.raw(t.c.from)
	w.whose(t.s)
	w.str("gateway.classification", "confidential")
	w.flag("gateway.decision.allow", true)
	w.str("gateway.decision.reason", "signed in")
	w.str("gateway.decision.revision", "60e39d0193df")
	w.str("gateway.decision.tier", t.s.tier)
	w.count("gateway.socket.messages_in", t.msgIn)
	w.count("gateway.socket.messages_out", t.msgOut)
	w.count("gateway.socket.bytes_in", t.bytesIn)
	w.count("gateway.socket.bytes_out", t.bytesOut)
	w.num("gateway.socket.refused", t.refused)
	if code != 0 {
		w.num("gateway.socket.close_code", code)
		w.str("gateway.socket.close_reason", reason)
	}
	w.finish()
}

// stay is the time with the browser open: tokens are renewed every five minutes, others' messages come in, and now and then one talks.
func (p *person) stay(a *actor, c *caller, s *session, length time.Duration, boutsAnHour float64) {
	w := a.w
	w.request(c, s, req{method: "GET", path: "/", status: 200, out: 2709, millis: 3, reason: "signed in", tier: s.tier})
	w.request(c, s, req{method: "GET", path: "/api/rooms", route: "GET /api/rooms", status: 200, out: 2000, millis: 4, class: "internal", reason: "role", tier: s.tier})
	t := w.openSocket(c, s)
	end := w.now + length.Microseconds()
	renew := w.now + a.between(4*time.Minute, minutesOfToken).Microseconds()
	drops := 4 * time.Hour
	if p.flaky {
		drops = 4 * time.Minute
	}
	drop := w.now + a.around(drops).Microseconds()
	next := w.now + a.around(2*time.Minute).Microseconds()
	for w.now < end && !s.ended {
		a.until(min(end, renew, drop, next))
		switch {
		case s.ended:
		case w.now >= renew:
			p.renew(a, c, s)
			renew = w.now + a.between(4*time.Minute, minutesOfToken).Microseconds()
		case w.now >= drop:
			t.close(0, "")
			if c = p.moved(a, c); c == nil {
				return
			}
			a.about(5 * time.Second)
			t = w.openSocket(c, s)
			drop = w.now + a.around(drops).Microseconds()
		case w.now >= next:
			if a.chance(boutsAnHour / (boutsAnHour + 12)) {
				p.bout(a, c, s, t)
			} else {
				t.activity(0, 1+a.Int64N(3), 0)
			}
			next = w.now + a.around(time.Duration(float64(time.Hour)/(boutsAnHour+12))).Microseconds()
		}
	}
	if s.ended {
		t.close(1008, "session ended")
		return
	}
	t.close(0, "")
}

// moved is where the browser is after its connection was lost: mostly where it was; a tunnel of a VPN is switched on or off at times.
func (p *person) moved(a *actor, c *caller) *caller {
	switch {
	case p.vpn != nil && a.chance(.3) && p.away == nil:
		if c.net == p.vpn {
			c = p.house.caller(a, c.agent)
		} else {
			c = newCaller(p.vpn, p.vpn.exit(a, 30), c.agent)
		}
	case p.vpn != nil && c.net == p.vpn:
		c = newCaller(p.vpn, p.vpn.exit(a, 30), c.agent) // the service has many exits
	}
	c.solves = true
	return c
}

// renew exchanges the refresh token. An answer that is lost on the way is asked for again; where that takes more than ten seconds, the
// gateway sees a token used twice, and can't know that it was its owner.
func (p *person) renew(a *actor, c *caller, s *session) {
	w := a.w
	r := req{method: "POST", path: "/auth/api/refresh", route: "/auth/api/refresh", status: 200, in: 129, out: 644, millis: 6, reason: open}
	w.request(c, nil, r)
	if p.flaky && a.chance(.0008) {
		a.sleep(a.between(11*time.Second, time.Minute))
		w.reuse(c, s)
		if p.carried == s {
			p.carried = nil
		}
	}
}

// reuse tells of a refresh token that was used again.
func (w *world) reuse(c *caller, s *session) {
	id := w.text(26)
	w.begin(headReuse)
	w.str("event.reason", "a refresh token was used again: the session ends")
	w.str("http.request.id", id)
	w.str("gateway.route", "/auth/api/refresh")
	w.raw(c.from)
	w.raw(s.owner)
	w.count("gateway.session_age", (w.now-s.began)/1e6)
	w.finish()
	w.endSession(c, s, "/auth/api/refresh", "refresh token reused")
	w.requestAs(id, c, nil, req{method: "POST", path: "/auth/api/refresh", route: "/auth/api/refresh", status: 401, in: 129, out: 132, millis: 8, problem: "session-ended", reason: open})
}

// bout is some minutes of talking, with what goes with it.
func (p *person) bout(a *actor, c *caller, s *session, t *talk) {
	w := a.w
	in := pick(a, p.rooms...)
	p.history(a, c, s, in, 1)
	end := w.now + a.around(4*time.Minute).Microseconds()
	for w.now < end && !s.ended {
		a.sleep(10 * time.Second)
		if a.chance(.55) {
			t.activity(a.Int64N(3), 1+a.Int64N(4), 0)
		}
		switch x := a.Float64(); {
		case x < .02:
			in = pick(a, p.rooms...)
			p.history(a, c, s, in, 1+a.IntN(3))
		case x < .028:
			w.message(c, s, in.id, "POST", 201)
		case x < .034:
			size := a.Int64N(400_000) + 2000
			if a.chance(.04) { // a film
				size *= 200
			}
			w.file(a, c, s, in, size)
		case x < .037:
			w.uploaded(a, c, s, in)
		case x < .039:
			w.message(c, s, in.id, "DELETE", 204)
		case x < .0395:
			p.stumble(a, c, s)
		}
	}
}

// history reads a room's last pages.
func (p *person) history(a *actor, c *caller, s *session, in *room, pages int) {
	for range pages {
		a.w.history(c, s, in.id, 3000+a.Int64N(20_000))
		a.sleep(a.between(300*time.Millisecond, 4*time.Second))
	}
}

func (w *world) history(c *caller, s *session, id string, bytes int64) {
	w.request(c, s, req{method: "GET", path: "/api/rooms/" + id + "/messages", route: "GET /api/rooms/{room}/messages", status: 200, out: bytes, millis: 6,
		class: "confidential", reason: "grant on the resource", tier: s.tier, kind: "room", id: id})
}

// message posts or deletes one by a request.
func (w *world) message(c *caller, s *session, in, method string, status int) {
	r := req{method: method, path: "/api/rooms/" + in + "/messages", route: "POST /api/rooms/{room}/messages", status: status, in: 80, out: 190, millis: 7,
		class: "confidential", reason: "grant on the resource", tier: s.tier, kind: "room", id: in}
	if method == "DELETE" {
		id := "01M8DG" + w.text(20)
		r.path, r.route, r.kind, r.id = r.path+"/"+id, "DELETE /api/rooms/{room}/messages/{id}", "message", id
		r.in, r.out, r.class, r.reason = 0, 0, "", "author, deletes"
	}
	w.request(c, s, r)
}

func (w *world) file(a *actor, c *caller, s *session, in *room, bytes int64) {
	id := pick(a, in.files...)
	w.request(c, s, req{method: "GET", path: "/api/files/" + id, route: "GET /api/files/{id}", status: 200, out: bytes, millis: 12,
		class: "confidential", reason: "grant on the parent", tier: s.tier, kind: "file", id: id})
}

// uploaded sends a file: once in a while one of a kind that is not taken, and then once more.
func (w *world) uploaded(a *actor, c *caller, s *session, in *room) {
	if !a.chance(.03) {
		w.upload(c, s, in.id, a.Int64N(900_000)+1000, "", "")
		return
	}
	what := pick(a, "executable", "active", "mismatch")
	for range 1 + a.IntN(2) {
		w.upload(c, s, in.id, a.Int64N(900_000)+1000, what, "")
		a.sleep(a.between(10*time.Second, time.Minute))
	}
}

// upload sends one; finding is why it is refused, signature what the scanner calls it.
func (w *world) upload(c *caller, s *session, in string, size int64, finding, signature string) {
	r := req{method: "POST", path: "/api/rooms/" + in + "/files", route: "POST /api/rooms/{room}/files", status: 201, in: size + 240, out: 159, millis: 40,
		class: "confidential", reason: "grant on the resource", tier: s.tier, kind: "room", id: in}
	id := w.text(26)
	if finding != "" {
		h, reason := headUpload, "an upload was refused"
		if signature != "" {
			h, reason = headMalware, "the scanner found something in an upload"
		}
		w.event(h, reason, id, c)
		w.str("http.request.method", r.method)
		w.str("url.domain", site)
		w.str("url.path", r.path)
		w.str("gateway.route", r.route)
		w.str("gateway.resource.type", r.kind)
		w.str("gateway.resource.id", r.id)
		w.whose(s)
		w.list("gateway.upload.findings", finding)
		w.count("gateway.upload.size", size)
		w.str("gateway.upload.type", "application/octet-stream")
		w.str("gateway.upload.signature", signature)
		w.str("gateway.upload.sha256", hex32(w)+hex32(w))
		w.finish()
		r.status, r.out, r.problem = 422, 169, "upload-refused"
	}
	w.requestAs(id, c, s, r)
}

// stumble is what honest people do that is refused.
func (p *person) stumble(a *actor, c *caller, s *session) {
	w := a.w
	switch a.IntN(8) {
	case 7: // a room that was deleted meanwhile, or that one was put out of: the page joins it once more
		w.openSocket(c, s).forbidden("room", "closed-"+string(appendText(nil, a.Rand, 6)))
	case 6: // a page elsewhere that links to the logout, or an extension that plays tricks
		id := w.text(26)
		w.event(headCross, "cross_site", id, c)
		w.str("http.request.method", "POST")
		w.str("url.domain", site)
		w.str("url.path", "/auth/api/logout")
		w.whose(s)
		w.finish()
		w.requestAs(id, c, s, req{method: "POST", path: "/auth/api/logout", status: 403, out: 145, millis: 1, problem: "cross-site"})
	case 5: // what asks for a fresh login: the password is given again
		id := w.text(26)
		w.event(headStepUp, "password", id, c)
		w.raw(s.who)
		w.finish()
		w.requestAs(id, c, s, req{method: "POST", path: "/auth/api/stepup/password", route: "/auth/api/stepup/password", status: 200, in: 40, out: 640, millis: 50, reason: "signed in"})
	case 0, 1: // an old link, or one that somebody sent who may see more
		id := "closed-" + string(appendText(nil, a.Rand, 6))
		for range 1 + a.IntN(2) {
			w.forbidden(c, s, "GET", "/api/rooms/"+id+"/messages", "GET /api/rooms/{room}/messages", "message:list", "room", id)
			a.sleep(a.between(2*time.Second, 10*time.Second))
		}
	case 2, 3: // a piece of a program, or of a query, in a message
		for range 1 + a.IntN(3) {
			w.blocked(c, s, "POST", "/api/rooms/"+p.rooms[0].id+"/messages", &verdict{rules: []int{942100}, message: "SQL Injection Attack Detected via libinjection", blocked: true, score: 5})
			a.sleep(a.between(6*time.Second, 40*time.Second))
		}
	case 4: // an address that was typed
		w.request(c, s, req{method: "GET", path: pick(a, "/admin", "/settings", "/favicon.ico", "/index.php"), status: 404, out: 82, millis: 2, reason: "signed in", tier: s.tier})
	}
}

// forbidden is a request that the policy refuses.
func (w *world) forbidden(c *caller, s *session, method, path, route, permission, kind, id string) {
	reason := "no grant on the resource"
	if kind == "" {
		reason = "no role permits it"
	}
	w.request(c, s, req{method: method, path: path, route: route, status: 403, out: 116, millis: 3, problem: "forbidden", class: "confidential",
		reason: reason, denied: true, tier: s.tier, permission: permission, kind: kind, id: id})
}

// blocked is a request that the WAF refuses, or, where its score is low, only tells of.
func (w *world) blocked(c *caller, s *session, method, path string, v *verdict) {
	r := req{method: method, path: path, status: 403, in: 0, out: 118, millis: 9, problem: "waf-blocked", waf: v}
	if w.gate.stopped(c, r) {
		return
	}
	if !v.blocked {
		r.status, r.problem, r.out = 401, "unauthenticated", 125
		r.reason, r.denied, r.tier, r.permission = "nobody is signed in", true, "-", "app:read"
		if s != nil {
			r.status, r.problem, r.reason, r.denied, r.permission, r.tier = 200, "", "role", false, "", s.tier
		}
	} else {
		w.gate.note(c, 10)
	}
	w.request(c, s, r)
}

// glance is a look at the phone: on whatever network it is, in the session that the app keeps.
func (p *person) glance(a *actor) {
	w := a.w
	c := p.phoneCaller(a)
	s := p.carried
	if s == nil || s.ended {
		if a.chance(.4) {
			return
		}
		p.open(a, c)
		if s = p.enter(a, c, p.phone); s == nil {
			return
		}
		p.carried = s
	}
	w.request(c, nil, req{method: "POST", path: "/auth/api/refresh", route: "/auth/api/refresh", status: 200, in: 129, out: 644, millis: 6, reason: open})
	w.request(c, s, req{method: "GET", path: "/api/rooms", route: "GET /api/rooms", status: 200, out: 2000, millis: 4, class: "internal", reason: "role", tier: s.tier})
	p.history(a, c, s, pick(a, p.rooms...), 1+a.IntN(2))
	t := w.openSocket(c, s)
	for range 2 + a.IntN(10) {
		a.sleep(10 * time.Second)
		if s.ended {
			break
		}
		if a.chance(.5) {
			t.activity(a.Int64N(2), 1+a.Int64N(3), 0)
		}
		if a.chance(.01) { // out of the house, or into the underground
			t.close(0, "")
			a.about(20 * time.Second)
			c = p.phoneCaller(a)
			t = w.openSocket(c, s)
			p.renew(a, c, s)
		}
	}
	t.close(0, "")
}

package main

import (
	"strconv"
	"time"
)

// machines are what calls without people: monitors, crawlers, programs with tokens, and what operators' days bring.
func (w *world) machines() {
	for i := range 4 {
		w.start(w.from+int64(i)*17e6, nil, monitor)
	}
	for range 3 {
		w.start(w.from, nil, crawler)
	}
	w.start(w.from, nil, previews)
	for i := range max(4, w.o.users/150) {
		w.start(w.from+int64(i)*1_300_000, nil, program)
	}
	w.start(w.midnight(0, 2*time.Hour)+(27*time.Hour).Microseconds(), nil, indexer)
	w.start(w.from, nil, newcomers)
	w.start(w.from, nil, operators)
	w.start(w.from, nil, moderation)
	w.start(w.midnight(min(2, w.o.days-1), -17*time.Hour-50*time.Minute), nil, crowd)
}

// monitor asks once a minute whether the site is there, day and night.
func monitor(a *actor) {
	net := a.w.nets.of(a, bots)
	c := newCaller(net, net.fresh(), "UptimeMonitor/2.0 (+https://monitor.example)")
	for {
		a.w.request(c, nil, req{method: "GET", path: "/auth/login", route: "/auth/login", status: 200, out: 4983, millis: 3, reason: open})
		a.w.request(c, nil, req{method: "GET", path: "/healthz", status: 401, out: 125, millis: 1, problem: "unauthenticated", reason: "nobody is signed in", tier: "-", denied: true, permission: "app:read"})
		a.sleep(time.Minute)
	}
}

// crawler comes back every few hours and follows what it finds; most leads nowhere.
func crawler(a *actor) {
	net := a.w.nets.of(a, bots)
	c := newCaller(net, net.fresh(), "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://search.example/bot.html)")
	for {
		for _, path := range []string{"/robots.txt", "/", "/sitemap.xml", "/auth/login", "/auth/register", "/about", "/help", "/rooms/general", "/rooms/music"} {
			if path == "/auth/login" || path == "/auth/register" {
				a.w.request(c, nil, req{method: "GET", path: path, route: path, status: 200, out: 4983, millis: 3, reason: open})
			} else {
				a.w.anonymous(c, "GET", path)
			}
			a.about(20 * time.Second)
		}
		a.about(4 * time.Hour)
	}
}

// anonymous is a request of nobody for what is not open.
func (w *world) anonymous(c *caller, method, path string) {
	r := req{method: method, path: path, status: 401, out: 125, millis: 2, problem: "unauthenticated", reason: "nobody is signed in", tier: "-", denied: true, permission: "app:read"}
	if !w.gate.stopped(c, r) {
		w.request(c, nil, r)
	}
}

// previews are fetched by the servers of other services, whenever somebody posts a link to the site there.
func previews(a *actor) {
	net := a.w.nets.of(a, bots)
	for {
		c := newCaller(net, net.exit(a, 60), pick(a, "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "facebookexternalhit/1.1", "Twitterbot/1.0", "WhatsApp/2.23", "TelegramBot (like TwitterBot)"))
		a.w.anonymous(c, "GET", "/rooms/"+pick(a, a.w.rooms...).id)
		a.about(90 * time.Second)
	}
}

// program is an integration with a personal token: it polls, or it posts what happens elsewhere.
func program(a *actor) {
	w := a.w
	p := pick(a, w.people...)
	net := w.nets.of(a, hosting)
	c := newCaller(net, net.fresh(), toolAgent(a))
	s := newToken(w, p, "pat_")
	w.programs = append(w.programs, party{c, s})
	mine := len(w.programs) - 1
	every := pick(a, 20*time.Second, time.Minute, 5*time.Minute)
	for {
		in := p.rooms[a.IntN(min(3, len(p.rooms)))]
		switch x := a.Float64(); {
		case x < .7:
			w.history(c, s, in.id, 500+a.Int64N(3000))
		case x < .96:
			w.message(c, s, in.id, "POST", 201)
		case x < .962: // its token has expired: nobody has told it, and it goes on for hours
			for range 100 + a.IntN(300) {
				id := w.text(26)
				r := req{method: "GET", path: "/api/rooms/" + in.id + "/messages", status: 401, out: 125, millis: 2, problem: "unauthenticated"}
				w.event(headTokenRefused, "invalid", id, c)
				w.str("http.request.method", r.method)
				w.str("url.domain", site)
				w.str("url.path", r.path)
				w.finish()
				w.requestAs(id, c, nil, r)
				a.about(30 * time.Second)
			}
			s = newToken(w, p, "pat_")
			w.programs[mine].s = s
			a.about(time.Hour)
		case x < .963: // a room that is not there any more
			id := "closed-" + string(appendText(nil, a.Rand, 6))
			for range 60 + a.IntN(150) {
				w.forbidden(c, s, "GET", "/api/rooms/"+id+"/messages", "GET /api/rooms/{room}/messages", "message:list", "room", id)
				a.about(every)
			}
		}
		a.about(every)
	}
}

// newToken is a personal or a service token.
func newToken(w *world, p *person, prefix string) *session {
	s := newSession(w, p, nil, prefix+w.text(26))
	s.began = 0
	return s
}

var headService = head("authentication", "start", "service-token", "success")

// indexer is the site's own search: it reads every room, each night, with tokens that last for ten minutes.
func indexer(a *actor) {
	w := a.w
	net := w.nets.of(a, hosting)
	c := newCaller(net, net.fresh(), "search-indexer/3.2")
	p := &person{id: w.text(26), role: "premium", at: w.nets.countries[0]}
	for {
		began := w.now
		var s *session
		for i, in := range w.rooms {
			if i%100 == 0 {
				id := w.text(26)
				w.event(headService, "", id, c)
				w.str("user.id", p.id)
				w.finish()
				w.requestAs(id, c, nil, req{method: "POST", path: "/auth/oauth/token", route: "/auth/oauth/token", status: 200, in: 700, out: 200, millis: 9, reason: open})
				s = newToken(w, p, "svc_")
			}
			w.history(c, s, in.id, 30_000+a.Int64N(30_000))
			a.sleep(a.between(time.Second, 3*time.Second))
		}
		a.until(began + (24 * time.Hour).Microseconds())
	}
}

var (
	headRegister = head("iam", "user", "registration-requested", "success")
	headCreated  = head("iam", "creation", "account-created", "success")
)

// newcomers register, a few every day.
func newcomers(a *actor) {
	w := a.w
	for {
		a.about(24 * time.Hour / time.Duration(max(1, w.o.users/1000)))
		country := w.nets.country(a)
		w.register(household(a, country).caller(a, desktopAgent(a)), &person{id: w.text(26), role: "user", at: country})
	}
}

// register makes an account: the address is proved by a mailed link, at once as the days go.
func (w *world) register(c *caller, p *person) {
	id := w.text(26)
	w.event(headRegister, "", id, c)
	w.finish()
	w.requestAs(id, c, nil, req{method: "POST", path: "/auth/api/register", route: "/auth/api/register", status: 202, in: 120, millis: 80, reason: open})
	id = w.text(26)
	w.event(headCreated, "registration: active", id, c)
	w.str("user.id", p.id)
	w.finish()
	w.requestAs(id, c, nil, req{method: "POST", path: "/auth/api/register/confirm", route: "/auth/api/register/confirm", status: 200, in: 140, out: 40, millis: 80, reason: open})
}

// crowd is a popular event: many come at once, and most of them through few addresses.
func crowd(a *actor) {
	w := a.w
	for _, p := range w.people {
		if !a.chance(.35) {
			continue
		}
		p := p
		w.start(w.now+a.Int64N(15*time.Minute.Microseconds()), nil, func(b *actor) {
			c := p.phoneCaller(b)
			s := p.carried
			if s == nil || s.ended {
				return
			}
			w.history(c, s, w.rooms[0].id, 20_000)
			t := w.openSocket(c, s)
			for range 100 + b.IntN(200) {
				b.sleep(10 * time.Second)
				if s.ended {
					break
				}
				if b.chance(.3) {
					t.activity(b.Int64N(2), 2+b.Int64N(12), 0)
				}
			}
			t.close(0, "")
		})
	}
}

// noise is the scanning that every address on the Internet gets, from many sources, all the time. It is nobody's campaign: findings about
// it are counted by themselves.
func (w *world) noise() {
	for range 3 {
		w.start(w.from, w.truth.noise, func(a *actor) {
			for {
				a.about(6 * time.Minute)
				net := w.nets.of(a, hosting)
				c := newCaller(net, net.fresh(), scannerAgent(a))
				w.truth.subject(w.truth.noise, "client", c.key)
				w.start(w.now, w.truth.noise, func(b *actor) {
					for range 1 + b.IntN(4)*b.IntN(4) {
						w.probe(b, c, nil)
						b.about(2 * time.Second)
					}
				})
			}
		})
	}
}

var headAdmin = map[string]string{
	"account-created": head("iam", "creation", "account-created", "success"), "account-disabled": head("iam", "change", "account-disabled", "success"),
	"roles-changed": head("iam", "change", "roles-changed", "success"), "account-unlocked": head("iam", "change", "account-unlocked", "success"),
	"sessions-ended": head("iam", "deletion", "sessions-ended", "success"), "second-factors-reset": head("iam", "deletion", "second-factors-reset", "success"),
	"email-changed": head("iam", "change", "email-changed", "success"), "invitation-created": head("iam", "creation", "invitation-created", "success"),
	"account-erased": head("iam", "deletion", "account-erased", "success"), "account-exported": head("iam", "info", "account-exported", "success"),
}

// administer is what an operator does to an account, at the portal.
func (w *world) administer(c *caller, s *session, action, target, role string) {
	id := w.text(26)
	w.event(headAdmin[action], "by an operator", id, c)
	w.raw(`,"user.id":"` + s.p.id + `","gateway.session":"` + s.id + `"`)
	w.str("user.target.id", target)
	if action == "roles-changed" {
		w.list("user.target.roles", role)
	}
	w.finish()
	r := req{method: "PATCH", path: "/auth/api/admin/accounts/" + target, route: "/auth/api/admin/accounts/{id}", status: 200, in: 60, out: 339, millis: 8, reason: "role"}
	if action == "account-created" {
		r.method, r.path, r.route = "POST", "/auth/api/admin/accounts", "/auth/api/admin/accounts"
	}
	w.requestAs(id, c, s, r)
}

func (w *world) accounts(c *caller, s *session) {
	w.request(c, s, req{method: "GET", path: "/auth/api/admin/accounts", route: "/auth/api/admin/accounts", status: 200, out: 8000, millis: 5, reason: "role"})
}

// stepUp gives the second factor again, which administration asks for.
func (w *world) stepUp(c *caller, s *session, right bool) {
	id := w.text(26)
	h, reason := headFactor, "step up, totp"
	if !right {
		h, reason = headFactorFailed, "step up, totp: wrong or used code"
	}
	w.event(h, reason, id, c)
	w.str("user.id", s.p.id)
	w.str("gateway.factor", "totp")
	w.str("gateway.factor_step", "step up")
	w.finish()
	r := req{method: "POST", path: "/auth/api/stepup/totp", route: "/auth/api/stepup/totp", status: 200, in: 50, out: 640, millis: 9, reason: "signed in"}
	if !right {
		r.status, r.problem, r.out = 401, "wrong-code", 144
	}
	w.requestAs(id, c, s, r)
}

var (
	headLoaded  = head("configuration", "change", "configuration-loaded", "success")
	headAPI     = head("api", "admin", "admin-request", "success")
	headKeys    = head("configuration", "change", "signing-keys-changed", "success")
	headUnban   = head("intrusion_detection", "allowed", "ban-removed", "success")
	headPolicy  = head("configuration", "change", "policy-activated", "success")
	headStarted = head("process", "start", "gateway-started", "success")
)

// operators are at work on weekdays: they take people on and let them go, help who is locked out, and bring new configurations.
func operators(a *actor) {
	w := a.w
	w.begin(headStarted)
	w.str("gateway.version", "v2.11.9")
	w.finish()
	for day := range w.o.days {
		a.until(w.midnight(day, 2*time.Hour) + a.between(8*time.Hour, 10*time.Hour).Microseconds())
		if _, weekday := w.clockOf(2 * time.Hour); weekday == time.Saturday || weekday == time.Sunday {
			continue
		}
		p := w.people[a.IntN(max(3, w.o.users/1500))]
		c := p.deskCaller(a)
		s := p.enter(a, c, p.desk)
		if s == nil {
			continue
		}
		w.accounts(c, s)
		a.about(time.Minute)
		w.stepUp(c, s, !a.chance(.1))
		for range 3 + a.IntN(12)*min(1, day%3) { // every third day some more
			action := pick(a, "account-created", "account-created", "account-created", "account-unlocked", "roles-changed", "account-disabled", "second-factors-reset", "invitation-created", "sessions-ended")
			w.administer(c, s, action, pick(a, w.people...).id, pick(a, "premium", "premium", "user", "moderator"))
			a.about(2 * time.Minute)
			w.accounts(c, s)
		}
		w.endSession(c, s, "/auth/api/logout", "logout")
		a.about(time.Hour)
		w.deploy(a)
		if a.chance(.3) { // somebody has called: their address had been banned
			w.begin(headUnban)
			w.str("event.reason", "a ban was lifted")
			c := p.house.caller(a, "")
			w.raw(c.from)
			w.str("gateway.ban.prefix", prefixOf(c.key))
			w.str("gateway.ban.source", "operator")
			w.finish()
		}
	}
}

// deploy loads a configuration, at the admin socket.
func (w *world) deploy(a *actor) {
	w.begin(headAPI)
	w.str("http.request.method", "GET")
	w.str("gateway.route", "/gateway/policy")
	w.num("http.response.status_code", 200)
	w.str("user_agent.original", "Go-http-client/1.1")
	w.finish()
	a.about(time.Minute)
	w.begin(headLoaded)
	w.str("gateway.version", "v2.11.9")
	w.finish()
	w.begin(headPolicy)
	w.str("gateway.policy.revision", "60e39d0193df")
	w.str("gateway.policy.from", "built in")
	w.finish()
	w.begin(headKeys)
	w.str("gateway.keys.signing", strconv.Itoa(int(w.events%1000)))
	w.finish()
}

// moderation is what moderators do: they clean up after spam, a room at a time, and export what they are asked for, hundreds of rooms in a night.
func moderation(a *actor) {
	w := a.w
	for {
		a.about(16 * time.Hour)
		p := w.people[max(3, w.o.users/1500)+a.IntN(max(2, w.o.users/60-max(3, w.o.users/1500)))]
		c := p.deskCaller(a)
		s := p.enter(a, c, p.desk)
		if s == nil {
			continue
		}
		if a.chance(.6) {
			in := pick(a, w.rooms...)
			w.history(c, s, in.id, 20_000)
			for range 15 + a.IntN(40) {
				w.message(c, s, in.id, "DELETE", 204)
				a.about(7 * time.Second)
			}
		} else {
			for i := range min(len(w.rooms), 150) {
				for range 1 + a.IntN(3) {
					w.history(c, s, w.rooms[i].id, 25_000)
					a.about(2 * time.Second)
				}
			}
		}
		w.endSession(c, s, "/auth/api/logout", "logout")
	}
}

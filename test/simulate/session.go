package main

import (
	"strings"
	"time"
)

// session is a sign-in of somebody, or a token of theirs.
type session struct {
	id     string
	p      *person
	began  int64
	device *device
	who    string // user.id, user.roles, gateway.session and gateway.device, as JSON
	tier   string
	owner  string // user.id, gateway.session and gateway.device alone: what services of the gateway tell that don't look at roles
	ended  bool
}

// device is a browser, an app or a program.
type device struct {
	id    string // gateway.device; of one account
	agent string
	phone bool
	known bool  // the account has signed in from it
	trust int64 // until when no second factor is asked for
}

var (
	headLogin         = head("authentication", "start", "login", "success")
	headLoginFailed   = head("authentication", "start", "login", "failure")
	headLoginRefused  = head("authentication", "info", "login-refused", "failure")
	headThrottled     = head("authentication", "info", "login-throttled", "failure")
	headFirst         = head("authentication", "info", "login-first-step", "success")
	headUnusual       = head("authentication", "info", "login-unusual", "success")
	headFactor        = head("authentication", "start", "second-factor", "success")
	headFactorFailed  = head("authentication", "start", "second-factor", "failure")
	headStepUp        = head("authentication", "start", "step-up", "success")
	loginRequest      = req{method: "POST", path: "/auth/api/login", route: "/auth/api/login", reason: open}
	mfaRequest        = req{method: "POST", path: "/auth/api/mfa/totp", route: "/auth/api/mfa/totp", reason: open}
	open              = "open to everyone"
	wrongTries        = "too many wrong tries"
	challengedFirst   = "a challenge is to be solved first"
	wrongPassword     = "wrong password"
	unknownName       = "unknown user name"
	minutesOfToken    = 5 * time.Minute
	daysOfTrust       = 30 * 24 * time.Hour
	longestOfSessions = 12 * time.Hour
)

func newSession(w *world, p *person, d *device, id string) *session {
	s := &session{id: id, p: p, began: w.now, device: d, tier: p.tier()}
	s.who = `,"user.id":"` + p.id + `","user.roles":["` + p.role + `"],"gateway.session":"` + id + `"`
	s.owner = `,"user.id":"` + p.id + `","gateway.session":"` + id + `"`
	if d != nil && d.id != "" {
		s.who += `,"gateway.device":"` + d.id + `"`
		s.owner += `,"gateway.device":"` + d.id + `"`
	}
	return s
}

// result of a login.
type result int

const (
	wrong      result = iota
	refused           // by a wait, a limit or a ban
	challenged        // a puzzle is in the way
	halfway           // the password was right; a second factor is asked for
	in
)

// attempt is a try to sign in.
type attempt struct {
	c       *caller
	p       *person // whose name it is; nil: nobody's
	account string  // the hash of the name that was typed
	right   bool    // the password
	device  *device // whose cookie the browser has; nil: none
}

// signIn takes the first step of a login. The session is nil but where the result is in.
func (w *world) signIn(t attempt) (result, *session) {
	r := loginRequest
	r.in, r.millis = 60+w.rng.Int64N(30), 45+w.rng.IntN(60)
	w.gate.sweep()
	if w.gate.stopped(t.c, r) {
		return refused, nil
	}
	if !w.gate.loginZone(t.c) {
		w.gate.note(t.c, 1)
		w.request(t.c, nil, req{method: r.method, path: r.path, status: 429, out: 187, millis: 1, problem: "quota-exceeded", zone: "login"})
		return refused, nil
	}
	known := t.p != nil && t.device != nil && t.device.known
	scopes, names := w.gate.scopesOf(t, known)
	if res, stop := w.refusedTry(t, r, scopes, names); stop {
		return res, nil
	}
	id := w.text(26)
	if t.right && t.p != nil {
		return w.rightPassword(t, id, r)
	}
	reason := wrongPassword
	if t.p == nil {
		reason = unknownName
	}
	w.login(headLoginFailed, reason, id, t, known)
	w.finish()
	w.wrongTry(t, id, scopes, names)
	r.status, r.out, r.problem = 401, 153, "wrong-credentials"
	w.requestAs(id, t.c, nil, r)
	return wrong, nil
}

func (g *gate) scopesOf(t attempt, known bool) ([]*tries, []rule) {
	if known {
		return []*tries{g.scope("d" + t.device.id)}, []rule{ruleDevice}
	}
	return []*tries{g.scope("a" + t.account), g.scope("p" + t.account + t.c.key), g.scope("c" + t.c.key)}, []rule{ruleAccount, rulePair, ruleClient}
}

// refusedTry is a try that is not looked at.
func (w *world) refusedTry(t attempt, r req, scopes []*tries, rules []rule) (result, bool) {
	puzzle, lifted := false, false
	for i, s := range scopes {
		after := 3
		if rules[i].name == "client" {
			after = 25
		}
		puzzle = puzzle || s.n >= after
	}
	if puzzle {
		w.refuseTry(t, r, challengedFirst, 403, "challenge-required")
		if !t.c.solves {
			return challenged, true
		}
		lifted = true
	}
	for i, s := range scopes {
		if s.until > w.now && !(lifted && rules[i].name == "account" && s.n < 100) {
			w.refuseTry(t, r, wrongTries, 429, "rate-limited")
			return refused, true
		}
	}
	return wrong, false
}

func (w *world) refuseTry(t attempt, r req, reason string, status int, problem string) {
	id := w.text(26)
	w.event(headLoginRefused, reason, id, t.c)
	w.str("gateway.account", t.account)
	w.finish()
	r.status, r.out, r.problem, r.millis = status, 362, problem, 3
	w.requestAs(id, t.c, nil, r)
}

// login opens the event of a first step.
func (w *world) login(h, reason, id string, t attempt, known bool) {
	w.event(h, reason, id, t.c)
	if t.p != nil {
		w.str("user.id", t.p.id)
		if known {
			w.str("gateway.device", t.device.id)
		}
	}
	w.str("gateway.account", t.account)
}

// wrongTry counts it, and tells of a wait that it begins.
func (w *world) wrongTry(t attempt, id string, scopes []*tries, rules []rule) {
	var waits []string
	longest := time.Duration(0)
	for i, s := range scopes {
		s.n++
		if s.n == 1 {
			s.at = w.now
		}
		if d := rules[i].wait(s.n); d > 0 {
			s.until = w.now + d.Microseconds()
			waits = append(waits, rules[i].name)
			longest = max(longest, d)
		}
	}
	w.gate.note(t.c, 3)
	if len(waits) > 0 {
		w.event(headThrottled, wrongTries, id, t.c)
		w.str("gateway.account", t.account)
		w.list("gateway.throttle.scopes", waits...)
		w.num("gateway.throttle.seconds", int64(longest.Seconds()))
		w.finish()
	}
}

// rightPassword goes on after it.
func (w *world) rightPassword(t attempt, id string, r req) (result, *session) {
	known := t.device != nil && t.device.known
	r.status, r.out = 200, 640+w.rng.Int64N(20)
	if t.p.factor != "" && (t.device == nil || t.device.trust < w.now) {
		w.login(headFirst, "", id, t, known)
		w.finish()
		r.out = 210
		w.requestAs(id, t.c, nil, r)
		return halfway, nil
	}
	s := w.signedIn(t, id)
	w.requestAs(id, t.c, nil, r)
	return in, s
}

// signedIn tells of a login that succeeded.
func (w *world) signedIn(t attempt, id string) *session {
	if t.device == nil {
		t.device = &device{id: w.text(26), agent: t.c.agent}
	}
	s := newSession(w, t.p, t.device, w.text(26))
	w.event(headLogin, "", id, t.c)
	w.whose(s)
	w.str("gateway.account", t.account)
	w.finish()
	w.unusual(t, s, id)
	t.device.known = true
	return s
}

// unusual tells what the gateway finds unusual about a login.
func (w *world) unusual(t attempt, s *session, id string) {
	p := t.p
	var risks []string
	if !t.device.known && p.last.at > 0 {
		risks = append(risks, "new-device")
	}
	if w.o.geo {
		if code := t.c.net.country; !strings.Contains(p.been, code) {
			if p.been != "" {
				risks = append(risks, "new-country")
			}
			p.been += code + " "
		}
		// Between any two of the simulation's countries are more than 300 km; 1,000 km an hour make the nearest ones half an hour, the far ones half a day.
		if gap := w.now - p.last.at; p.last.at > 0 && p.last.country != t.c.net.country && gap < distance(p.last.country, t.c.net.country).Microseconds() {
			risks = append(risks, "impossible-travel")
		}
		p.last.country = t.c.net.country
	}
	p.last.at = w.now
	if len(risks) == 0 {
		return
	}
	w.event(headUnusual, "", id, t.c)
	w.raw(s.owner)
	w.count("gateway.session_age", 0)
	w.str("gateway.account", t.account)
	w.list("gateway.risk.reasons", risks...)
	w.finish()
}

// distance is how long a flight at 1,000 km an hour takes.
func distance(from, to string) time.Duration {
	far := func(code string) bool { return strings.Contains("US BR IN JP SG CN VN", code) }
	if far(from) || far(to) {
		return 7 * time.Hour
	}
	return time.Hour
}

// code gives a second factor after the first step.
func (w *world) code(t attempt, right, recovery bool) *session {
	id := w.text(26)
	r := mfaRequest
	r.in, r.millis = 76, 20+w.rng.IntN(20)
	kind := t.p.factor
	if kind == "webauthn" {
		r.path, r.route = "/auth/api/mfa/webauthn", "/auth/api/mfa/webauthn"
	}
	if recovery {
		kind, r.path, r.route = "recovery", "/auth/api/mfa/recovery", "/auth/api/mfa/recovery"
	}
	if w.gate.stopped(t.c, r) {
		return nil
	}
	h, reason := headFactor, "login, "+kind
	if !right {
		h, reason = headFactorFailed, "login, "+kind+": wrong or used code"
	}
	w.event(h, reason, id, t.c)
	w.str("user.id", t.p.id)
	if t.device != nil && t.device.known {
		w.str("gateway.device", t.device.id)
	}
	w.str("gateway.factor", kind)
	w.str("gateway.factor_step", "login")
	w.finish()
	if !right {
		w.gate.note(t.c, 3)
		r.status, r.out, r.problem = 401, 144, "wrong-code"
		w.requestAs(id, t.c, nil, r)
		return nil
	}
	s := w.signedIn(t, id)
	r.status, r.out = 200, 678
	w.requestAs(id, t.c, nil, r)
	return s
}

// endSession tells of a session's end, by a request of c's for the route.
func (w *world) endSession(c *caller, s *session, route, reason string) {
	if s == nil || s.ended {
		return
	}
	s.ended = true
	w.begin(headEnded)
	w.str("event.reason", reason)
	w.str("http.request.id", w.text(26))
	w.str("gateway.route", route)
	w.raw(c.from)
	w.whose(s)
	w.finish()
}

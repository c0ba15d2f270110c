package main

import (
	"strconv"
	"time"
)

// person is somebody with an account.
type person struct {
	id      string // user.id
	account string // the hash of the name
	mail    string // the hash of the address, which many sign in with
	role    string
	at      *country
	factor  string // "", totp, webauthn
	house   place  // the network at home
	carrier *network
	work    *company // nil: none
	desk    *device  // the browser
	phone   *device
	habit   habit
	rooms   []*room
	vpn     *network // the exit that they use at times; nil: none
	flaky   bool     // on bad networks: sockets drop, answers are lost
	byMail  bool

	passwordAt int64    // when it was changed last
	live       *session // a session that is open in the browser or the app right now
	carried    *session // the app's, which stays signed in
	away       *country // where they travel
	been       string
	last       struct {
		at      int64
		country string
	}
}

func (p *person) tier() string {
	switch p.role {
	case "premium":
		return "premium"
	case "moderator", "admin":
		return "staff"
	}
	return "standard"
}

// habit is when and how much somebody is there.
type habit struct {
	shift   time.Duration // when the day begins, local time
	evening bool          // mostly after work
	night   bool          // works at night
	hours   float64       // with the browser open
	bouts   float64       // of talking, a day
	weekend float64       // how likely on a weekend day
	weekday float64
	glances float64 // looks at the phone, a day
}

// place is where packets come from.
type place struct {
	net    *network
	ip     string // IPv4; "" where the household has IPv6
	prefix uint64
}

func (p place) caller(a *actor, agent string) *caller {
	if p.ip != "" {
		return newCaller(p.net, p.ip, agent)
	}
	return newCaller(p.net, within(a, p.prefix), agent)
}

// company is an office behind one address.
type company struct {
	net    *network
	ip     string
	proxy  bool // whose proxy adds an identity header to each request, as old ones do
	rotate int  // the day on which all its people change their passwords; -1: none
}

func (c *company) caller(agent string) *caller {
	k := newCaller(c.net, c.ip, agent)
	k.header = c.proxy
	return k
}

// room is where people talk.
type room struct {
	id     string
	public bool
	files  []string
}

// household takes a place in one of the country's networks. About half of the world's users reach sites over IPv6
// (google.com/intl/en/ipv6/statistics.html).
func household(a *actor, c *country) place {
	net := pick(a, c.homes...)
	if a.chance(.45) {
		return place{net: net, prefix: net.prefix64(a)}
	}
	return place{net: net, ip: net.fresh()}
}

// populate makes the people, and has them and the machines begin.
func (w *world) populate() {
	a := &actor{Rand: w.rng, w: w}
	w.makeRooms(a)
	offices := w.makeOffices(a)
	for i := range w.o.users {
		p := w.newPerson(a, offices)
		switch {
		case i < max(3, w.o.users/1500):
			p.role, p.factor = "admin", "totp"
		case i < max(8, w.o.users/60):
			p.role, p.factor = "moderator", pick(a, "totp", "totp", "webauthn")
		}
		p.carried = newSession(w, p, p.phone, w.text(26))
		p.carried.began = w.from - a.Int64N(10*24*time.Hour.Microseconds())
		w.people = append(w.people, p)
		w.start(w.from, nil, p.lives)
	}
	w.machines()
	w.noise()
	w.campaigns()
}

func (w *world) makeRooms(a *actor) {
	for i := range max(12, w.o.users/8) {
		r := &room{id: roomName(a, i), public: a.chance(.4)}
		for range 6 {
			r.files = append(r.files, "01M8DG"+w.text(20))
		}
		w.rooms = append(w.rooms, r)
	}
	w.rooms[0].id, w.rooms[0].public = "general", true
}

func roomName(a *actor, i int) string {
	return pick(a, "team", "project", "family", "ops", "sales", "games", "music", "support", "travel", "photos") + "-" + strconv.FormatInt(int64(i)*7919%999983, 36) + "-" + string(appendText(nil, a.Rand, 4))
}

func (w *world) makeOffices(a *actor) []*company {
	var all []*company
	for i := range max(2, w.o.users/250) {
		c := w.nets.country(a)
		o := &company{net: c.office, ip: c.office.fresh(), rotate: -1, proxy: i == 1}
		if i == 0 {
			o.rotate = 1 // a Tuesday
		}
		all = append(all, o)
	}
	return all
}

func (w *world) newPerson(a *actor, offices []*company) *person {
	p := &person{
		id: w.text(26), account: w.text(16), mail: w.text(16), role: "user", at: w.nets.country(a), habit: newHabit(a),
		desk:  &device{id: w.text(26), agent: desktopAgent(a), known: true, trust: w.from + a.Int64N(daysOfTrust.Microseconds())},
		phone: &device{id: w.text(26), agent: phoneAgent(a), phone: true, known: true, trust: w.from + a.Int64N(daysOfTrust.Microseconds())},
		flaky: a.chance(.03), byMail: a.chance(.3),
	}
	p.been = p.at.code + " "
	p.last.country = p.at.code
	p.last.at = w.from - a.Int64N(48*time.Hour.Microseconds())
	p.house, p.carrier = household(a, p.at), pick(a, p.at.mobile...)
	if a.chance(.08) {
		p.role = "premium"
	}
	if a.chance(.3) {
		p.factor = pick(a, "totp", "totp", "webauthn")
	}
	if !p.habit.evening && a.chance(.5) {
		p.work = pick(a, offices...)
	}
	if a.chance(.04) {
		p.vpn = w.nets.of(a, tunnel)
	}
	for range 3 + a.IntN(12) {
		p.rooms = append(p.rooms, pick(a, w.rooms...))
	}
	p.rooms[0] = w.rooms[0]
	return p
}

// newHabit gives most people a quiet life: 90 in a hundred mostly read, nine say something now and then, one does most of the talking
// (Nielsen, Participation Inequality, 2006). Who works with such a service has it open nine hours of a working day and uses it for ninety
// minutes (Slack's Form S-1, 2019).
func newHabit(a *actor) habit {
	h := habit{shift: a.between(7*time.Hour, 10*time.Hour), weekday: .8, weekend: .15, hours: 4 + 5*a.Float64(), bouts: 2, glances: 3}
	switch x := a.Float64(); {
	case x < .04:
		h.night, h.shift, h.weekend = true, a.between(20*time.Hour, 23*time.Hour), .5
	case x < .45:
		h.evening, h.shift, h.hours, h.weekday, h.weekend = true, a.between(17*time.Hour, 21*time.Hour), .5+2*a.Float64(), .45, .6
	}
	switch x := a.Float64(); {
	case x < .01:
		h.bouts, h.weekday, h.glances = 14, .97, 12
	case x < .1:
		h.bouts, h.weekday, h.glances = 7, .92, 8
	case x < .6:
		h.bouts, h.glances, h.hours = 1, 2, h.hours/3
	default:
		h.bouts, h.weekday, h.weekend, h.hours, h.glances = .2, .25, .15, h.hours/8, 1
	}
	return h
}

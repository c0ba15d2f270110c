package main

import (
	"fmt"
	"time"
)

// campaign is one attack of somebody, from its first request to its last.
type campaign struct {
	kind, speed, spread string
	first, last         int64 // 0: nothing happened yet
	events              int
	subjects            map[string]bool
}

func (c *campaign) String() string { return c.kind + "/" + c.speed + "/" + c.spread }

// Speeds and spreads.
var (
	speeds  = []string{"fast", "medium", "slow"}
	spreads = []string{"one", "many"}
)

// kind is a kind of attack.
type kind struct {
	name  string
	tries [3]int // by speed: the slow ones do less, as the patient do
	pool  int    // addresses of those that come from many
	run   func(a *actor, k *attack)
}

// kinds are all attacks that are simulated.
func kinds() []kind {
	return []kind{
		{"credential-stuffing", [3]int{1200, 2500, 2500}, 600, stuffing},
		{"password-spraying", [3]int{400, 400, 350}, 120, spraying},
		{"brute-force", [3]int{600, 500, 240}, 60, bruteForce},
		{"second-factor-fatigue", [3]int{40, 40, 40}, 10, fatigue},
		{"session-hijack", [3]int{60, 60, 25}, 8, hijack},
		{"token-replay", [3]int{60, 50, 24}, 20, replay},
		{"scanning", [3]int{1500, 1200, 700}, 80, scanning},
		{"enumeration", [3]int{800, 900, 600}, 8, enumeration},
		{"privilege-probing", [3]int{80, 60, 40}, 6, probing},
		{"mass-deletion", [3]int{400, 350, 300}, 4, deletion},
		{"exfiltration", [3]int{500, 500, 500}, 4, exfiltration},
		{"room-scraping", [3]int{900, 900, 700}, 6, scraping},
		{"spam-flood", [3]int{60, 600, 700}, 12, spam},
		{"upload-abuse", [3]int{60, 50, 40}, 5, uploads},
		{"admin-takeover", [3]int{14, 14, 14}, 4, takeover},
		{"waf-evasion", [3]int{250, 220, 200}, 60, evasion},
	}
}

// attack is a campaign that runs.
type attack struct {
	*campaign
	w       *world
	tries   int
	gap     time.Duration // between tries
	callers []*caller
}

// campaigns has each of the kinds asked for happen at each speed, from one address and from many, at some time after the first day (or the first
// quarter, where there are few days): who watches shall know what is usual by then.
func (w *world) campaigns() {
	a := &actor{Rand: w.rng, w: w}
	length := time.Duration(w.o.days) * 24 * time.Hour
	lead := min(24*time.Hour, length/4)
	lengths := []time.Duration{15 * time.Minute, 6 * time.Hour, min(5*24*time.Hour, length*6/10)}
	wanted := map[string]bool{}
	for _, name := range w.o.campaigns {
		wanted[name] = true
	}
	for _, k := range kinds() {
		for i, speed := range speeds {
			for _, spread := range spreads {
				room := length - lead - lengths[i] - time.Hour
				at := w.from + (lead + a.between(0, max(room, time.Minute))).Microseconds()
				if !wanted[k.name] {
					continue
				}
				c := w.truth.begin(k.name, speed, spread)
				t := &attack{campaign: c, w: w, tries: k.tries[i], gap: lengths[i] / time.Duration(k.tries[i])}
				w.start(at, c, func(b *actor) {
					t.gather(b, k.pool)
					k.run(b, t)
				})
			}
		}
	}
}

// gather finds the addresses: a rented server, or homes of people who don't know (residential proxies). Who is in no hurry brings a program
// that solves puzzles.
func (k *attack) gather(a *actor, pool int) {
	agent := toolAgent(a)
	if k.spread == "one" {
		net := k.w.nets.of(a, hosting)
		k.callers = []*caller{newCaller(net, net.fresh(), agent)}
	} else {
		for range pool {
			c := k.w.nets.country(a)
			if a.chance(.7) {
				agent = desktopAgent(a)
			}
			k.callers = append(k.callers, household(a, c).caller(a, agent))
		}
	}
	for _, c := range k.callers {
		c.solves = k.speed != "fast"
	}
}

// from is where the next request comes from.
func (k *attack) from(a *actor) *caller {
	c := pick(a, k.callers...)
	k.about("client", c.key)
	return c
}

// about names a subject of the campaign.
func (k *attack) about(kind, id string) { k.w.truth.subject(k.campaign, kind, id) }

// wait passes the time until the next try: machines hurry evenly, the patient are irregular.
func (k *attack) wait(a *actor) {
	if k.speed == "fast" {
		a.sleep(a.between(k.gap/2, k.gap*3/2+1))
		return
	}
	a.about(k.gap)
}

// victim is one of the people; of the role, where it is not "".
func (k *attack) victim(a *actor, role string) *person {
	for range 100_000 {
		if p := pick(a, k.w.people...); role == "" || p.role == role {
			return p
		}
	}
	panic(fmt.Sprintf("there is no %s", role))
}

// try signs in as p with what was stolen or guessed, and tells whose trouble that is.
func (k *attack) try(a *actor, c *caller, p *person, account string, right bool) (result, *session) {
	if p != nil {
		account = p.account
		k.about("user", p.id)
	}
	k.about("account", account)
	r, s := k.w.signIn(attempt{c: c, p: p, account: account, right: right})
	k.took(s)
	return r, s
}

// took names the session that the attacker has now.
func (k *attack) took(s *session) {
	if s == nil {
		return
	}
	k.about("user", s.p.id)
	k.about("session", s.id)
	if s.device != nil && s.device != s.p.desk && s.device != s.p.phone {
		k.about("device", s.device.id)
	}
}

// inside is a session of the victim's account: its password was bought, and its second factor phished.
func (k *attack) inside(a *actor, c *caller, p *person) *session {
	for range 20 {
		r, s := k.try(a, c, p, "", true)
		if r == halfway {
			a.sleep(a.between(5*time.Second, 20*time.Second))
			s = k.w.code(attempt{c: c, p: p, account: p.account}, true, false)
			k.took(s)
		}
		if s != nil {
			return s
		}
		a.about(5 * time.Minute)
	}
	return nil
}

// puppet is an account that the attacker has registered.
func (k *attack) puppet(a *actor, c *caller) *session {
	w := k.w
	p := &person{id: w.text(26), account: w.text(16), role: "user", at: w.nets.countries[0], been: c.net.country + " "}
	p.desk = &device{id: w.text(26), agent: c.agent, known: true}
	p.phone = p.desk
	w.register(c, p)
	_, s := w.signIn(attempt{c: c, p: p, account: p.account, right: true, device: p.desk})
	if s == nil {
		s = newSession(w, p, p.desk, w.text(26))
	}
	k.about("account", p.account)
	k.about("device", p.desk.id)
	k.took(s)
	return s
}

// parties are the sessions that take part: one, or one for each of some addresses. Each renews its token as it must.
func (k *attack) parties(a *actor, enter func(c *caller) *session) (list []party) {
	for _, c := range k.callers {
		k.about("client", c.key)
		if s := enter(c); s != nil {
			list = append(list, party{c, s})
		}
	}
	return list
}

type party struct {
	c *caller
	s *session
}

package main

import (
	"math"
	"strings"
	"time"
)

// gate is what the gateway itself does by default against who misbehaves, as far as events show it: waits after wrong passwords, puzzles,
// the limit of logins, and the score that leads to bans. Attackers meet it as they would meet the real one; figures are those of the READMEs of
// identity, gw_rate_limit and gateway.
type gate struct {
	w      *world
	tries  map[string]*tries
	logins map[string]int64 // zone login: theoretical arrival times
	scores map[string]*score
	swept  int64
}

// tries are the wrong ones of a scope.
type tries struct {
	n     int
	at    int64
	until int64
}

type score struct {
	points float64
	at     int64
	level  int // none, tight, challenged, banned
	until  int64
	bans   int
	told   int64 // refusals of the banned are told once a minute
	count  int64
	clear  int64 // until when a solved puzzle counts
}

var levels = [...]string{"none", "tight", "challenged", "banned"}

func newGate(w *world) *gate {
	return &gate{w: w, tries: map[string]*tries{}, logins: map[string]int64{}, scores: map[string]*score{}}
}

// sweep forgets what has decayed, so that memory does not grow with the days.
func (g *gate) sweep() {
	now := g.w.now
	if now-g.swept < time.Hour.Microseconds() {
		return
	}
	g.swept = now
	for k, t := range g.tries {
		if t.decayed(now); t.n == 0 {
			delete(g.tries, k)
		}
	}
	for k, at := range g.logins {
		if at < now {
			delete(g.logins, k)
		}
	}
	for k, s := range g.scores {
		if s.until < now && s.value(now) < 1 && now-s.at > 48*time.Hour.Microseconds() {
			delete(g.scores, k)
		}
	}
}

// decayed forgets one wrong try for each hour.
func (t *tries) decayed(now int64) {
	if hours := (now - t.at) / time.Hour.Microseconds(); hours > 0 {
		t.n = max(0, t.n-int(hours))
		t.at += hours * time.Hour.Microseconds()
	}
}

func (s *score) value(now int64) float64 {
	return s.points * math.Exp2(-float64(now-s.at)/float64(10*time.Minute.Microseconds()))
}

// rule is how many tries are free, the first wait and the longest.
type rule struct {
	name           string
	free           int
	first, longest time.Duration
}

var (
	ruleAccount = rule{"account", 20, 30 * time.Second, time.Hour}
	rulePair    = rule{"pair", 5, 30 * time.Second, time.Hour}
	ruleClient  = rule{"client", 50, 10 * time.Second, 5 * time.Minute}
	ruleDevice  = rule{"device", 10, 30 * time.Second, time.Hour}
)

func (r rule) wait(n int) time.Duration {
	if n <= r.free {
		return 0
	}
	return min(r.first<<min(n-r.free-1, 12), r.longest)
}

func (g *gate) scope(name string) *tries {
	t := g.tries[name]
	if t == nil {
		t = &tries{at: g.w.now}
		g.tries[name] = t
	}
	t.decayed(g.w.now)
	return t
}

// stopped tells whether the request ends at the gate: its client is banned, or has a puzzle to solve.
func (g *gate) stopped(c *caller, r req) bool {
	s := g.scores[c.key]
	if s == nil {
		return false
	}
	w := g.w
	if s.until > w.now {
		if w.now-s.told > time.Minute.Microseconds() {
			s.told = w.now
			w.begin(headBanned)
			w.str("event.reason", "the client is banned")
			w.raw(c.from)
			w.str("gateway.ban.prefix", prefixOf(c.key))
			w.str("gateway.ban.source", "abuse")
			w.num("gateway.ban.refused", s.count+1)
			w.finish()
			s.count = 0
		} else {
			s.count++
		}
		w.request(c, nil, req{method: r.method, path: r.path, status: 403, out: 118, millis: 1, problem: "banned"})
		return true
	}
	if s.level < 2 || s.clear > w.now || s.value(w.now) < 37.5 {
		return false
	}
	id := w.request(c, nil, req{method: r.method, path: r.path, status: 403, out: 362, millis: 1, problem: "challenge-required"})
	if !c.solves {
		return true
	}
	w.event(headSolved, "a client that misbehaved is let be for a while", id, c)
	w.finish()
	s.points, s.at, s.clear = s.value(w.now)/2, w.now, w.now+(30*time.Minute).Microseconds()
	return false
}

func prefixOf(key string) string {
	if strings.Contains(key, "/") {
		return key
	}
	return key + "/32"
}

// note counts what a client did.
func (g *gate) note(c *caller, points float64) {
	w := g.w
	s := g.scores[c.key]
	if s == nil {
		s = &score{at: w.now}
		g.scores[c.key] = s
	}
	s.points, s.at = s.value(w.now)+points/c.crowd(), w.now
	before := s.level
	switch {
	case s.points >= 150:
		s.level = 3
	case s.points >= 50:
		s.level = 2
	case s.points >= 20:
		s.level = 1
	case s.points < 15:
		s.level = 0
	}
	if s.level != before {
		w.begin(headAbuse)
		w.str("event.reason", map[bool]string{true: "the score rose", false: "the score fell"}[s.level > before])
		w.raw(c.from)
		w.str("gateway.abuse.level", levels[s.level])
		w.str("gateway.abuse.before", levels[before])
		w.count("gateway.abuse.score", int64(math.Round(s.points)))
		w.str("gateway.abuse.client", prefixOf(c.key))
		w.finish()
	}
	if s.level == 3 && s.until <= w.now {
		s.bans++
		length := min(10*time.Minute*time.Duration(math.Pow(6, float64(s.bans-1))), 24*time.Hour)
		s.until = w.now + length.Microseconds()
		s.points, s.level = 149, 2
		w.begin(headBan)
		w.str("event.reason", "a client was banned")
		w.raw(c.from)
		w.str("gateway.ban.prefix", prefixOf(c.key))
		w.str("gateway.ban.source", "abuse")
		w.count("gateway.ban.times", int64(s.bans))
		w.str("gateway.ban.expires", time.UnixMicro(s.until).UTC().Format(time.RFC3339))
		w.finish()
	}
}

// loginZone is the limit of logins of a client: 10 a minute, 20 at once.
func (g *gate) loginZone(c *caller) bool {
	gap := (6 * time.Second).Microseconds()
	if s := g.scores[c.key]; s != nil && s.level > 0 {
		gap *= 4
	}
	at := max(g.logins[c.key], g.w.now)
	if at-g.w.now > 20*gap {
		return false
	}
	g.logins[c.key] = at + gap
	return true
}

package pack

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// speeds at which somebody goes about something: as fast as it goes, one step every few minutes for a day, one step in a while for days.
var speeds = []struct {
	name  string
	pace  time.Duration
	steps int
}{
	{"fast", time.Second, 500},
	{"medium", 3 * time.Minute, 300},
	{"slow", 20 * time.Minute, 250},
}

// Somebody's attacks, told as the gateway would tell them, one step after the other.
var attacks = map[string]func(l *life, at time.Time, i int){
	"stuffing from one address": func(l *life, at time.Time, i int) {
		l.guess(at, attacker, fmt.Sprint("A", i), i%50 != 0)
	},
	"stuffing from many addresses": func(l *life, at time.Time, i int) {
		l.guess(at, fields{"source.ip": fmt.Sprintf("45.9.%d.%d", i%7, i%250), "user_agent.original": chrome}, fmt.Sprint("A", i), i%50 != 0)
		l.guess(at.Add(time.Second), fields{"source.ip": fmt.Sprintf("45.9.%d.%d", i%7, i%250), "user_agent.original": chrome}, fmt.Sprint("B", i), i%50 != 0)
	},
	"spraying from one address": func(l *life, at time.Time, i int) {
		l.guess(at, attacker, fmt.Sprint("A", i%200), false)
	},
	"brute force from one address": func(l *life, at time.Time, _ int) {
		l.guess(at, attacker, "VICTIM", false)
	},
	"brute force from many addresses": func(l *life, at time.Time, i int) {
		l.guess(at, fields{"source.ip": fmt.Sprintf("45.9.1.%d", i%60), "user_agent.original": chrome, "source.as.number": 64500 + i%5}, "VICTIM", false)
	},
	"second-factor fatigue": func(l *life, at time.Time, _ int) {
		l.tell(at, "login-first-step", "authentication", attacker, fields{"user.id": "victim", "gateway.account": "VICTIM"})
	},
	"second-factor guessing": func(l *life, at time.Time, _ int) {
		l.tell(at, "second-factor", "authentication", attacker, fields{"event.outcome": "failure", "user.id": "victim"})
	},
	"session hijack by a script": func(l *life, at time.Time, i int) {
		l.shared(at, i, fields{"user_agent.original": "python-requests/2.32.3", "source.ip": "45.9.1.1"})
	},
	"session hijack abroad, in the same browser": func(l *life, at time.Time, i int) {
		l.shared(at, i, fields{"source.ip": "45.9.1.1", "source.geo.country_iso_code": "BR", "source.as.number": 64500})
	},
	"token replay": func(l *life, at time.Time, i int) {
		who := victim.about(fmt.Sprint("s", i), "203.0.113.5")
		who["user.id"] = fmt.Sprint("u", i%30)
		l.request(at, who, "GET", "/api/rooms", "/api/rooms", 200)
		l.tell(at.Add(time.Second), "refresh-reuse", "session", who, attacker, fields{"event.outcome": "failure", "source.geo.country_iso_code": "BR"})
	},
	"scanning for what is known": func(l *life, at time.Time, i int) {
		l.tell(at, "http-request", "web", attacker, fields{"event.outcome": "failure", "http.request.method": "GET", "url.path": fmt.Sprintf("/old%d/wp-login.php", i), "http.response.status_code": 404})
	},
	"forced browsing": func(l *life, at time.Time, i int) {
		l.tell(at, "http-request", "web", attacker, fields{"event.outcome": "failure", "http.request.method": "GET", "url.path": fmt.Sprint("/word", i), "http.response.status_code": 401})
	},
	"enumeration": func(l *life, at time.Time, i int) {
		l.request(at, insider, "GET", "/api/files/{id}", fmt.Sprint("/api/files/", i), 404)
	},
	"privilege probing": func(l *life, at time.Time, i int) {
		l.request(at, insider, "DELETE", fmt.Sprintf("/api/part%d/{id}", i%20), fmt.Sprintf("/api/part%d/1", i%20), 403, fields{"gateway.decision.allow": false})
	},
	"probing of administration": func(l *life, at time.Time, i int) {
		route := fmt.Sprintf("/auth/api/admin/part%d", i%9)
		l.request(at, insider, "GET", route, route, 403, fields{"gateway.decision.allow": false, "gateway.route": route})
	},
	"mass deletion": func(l *life, at time.Time, i int) {
		l.request(at, insider, "DELETE", "/api/rooms/{room}/messages/{id}", fmt.Sprint("/api/rooms/general/messages/", i), 204)
	},
	"exfiltration": func(l *life, at time.Time, i int) {
		l.request(at, insider, "GET", "/api/files/{id}", fmt.Sprint("/api/files/", i), 200, fields{"http.response.body.bytes": 20 << 20})
	},
	"room scraping": func(l *life, at time.Time, i int) {
		l.request(at, insider, "GET", "/api/rooms/{room}/messages", fmt.Sprintf("/api/rooms/r%d/messages", i%150), 200)
	},
	"spam": func(l *life, at time.Time, i int) {
		room := fmt.Sprint("r", i%100)
		l.request(at, insider, "POST", "/api/rooms/{room}/messages", "/api/rooms/"+room+"/messages", 201, fields{"gateway.resource.type": "room", "gateway.resource.id": room})
	},
	"upload abuse": func(l *life, at time.Time, i int) {
		kind := []string{"polyglot", "archive-ratio", "script", "executable", "name"}[i%5]
		l.tell(at, "upload-refused", "web", insider, fields{"event.outcome": "failure", "gateway.upload.findings": []string{kind}, "gateway.upload.sha256": fmt.Sprint(i)})
	},
	"admin takeover": func(l *life, at time.Time, i int) {
		operator := fields{"user.id": "op1", "gateway.session": "s-op", "user.roles": []string{"admin"}}
		if i == 0 {
			l.tell(at, "login-unusual", "authentication", operator, attacker, fields{"gateway.risk.reasons": []string{"new-device", "new-country"}})
			return
		}
		l.tell(at, "roles-changed", "iam", operator, fields{"event.reason": "by an operator", "user.target.id": fmt.Sprint("u", i)})
	},
	"WAF evasion": func(l *life, at time.Time, i int) {
		ids := [][]int{{942100, 949110}, {941110, 941160, 949110}, {930100, 930110, 949110}, {932160, 949110}, {933100, 949110}, {934100, 949110}, {944100, 949110}}[i%7]
		l.tell(at, "http-request", "web", attacker, fields{
			"event.outcome": "failure", "http.request.method": "GET", "url.path": "/", "http.response.status_code": 403, "gateway.waf.blocked": true, "gateway.waf.score.inbound": 10, "rule.id": ids,
		})
	},
}

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

var (
	attacker = fields{"source.ip": "45.9.1.1", "user_agent.original": chrome, "source.geo.country_iso_code": "BR", "source.as.number": 64500}
	victim   = &person{id: "victim", agent: fmt.Sprintf(agents[0], 141), place: "DE", network: 3320, roles: []string{"user"}}
	insider  = victim.about("s-insider", "203.0.113.5")
)

// guess is a wrong password, as a gateway tells it that makes who guesses wait: of one name from one client after five tries, longer and longer.
func (l *life) guess(at time.Time, who fields, account string, unknown bool) {
	f := fields{"event.outcome": "failure", "gateway.account": account, "event.reason": "wrong password"}
	if unknown {
		f["event.reason"] = "unknown user name"
	}
	key := account + who["source.ip"].(string)
	if l.waits == nil {
		l.waits = map[string]*wait{}
	}
	w := l.waits[key]
	if w == nil {
		w = &wait{}
		l.waits[key] = w
	}
	if at.Before(w.until) {
		f["event.reason"] = "too many wrong tries"
		l.tell(at, "login-refused", "authentication", who, f)
		return
	}
	if w.tries++; w.tries >= 5 {
		w.until = at.Add(min(time.Hour, 30*time.Second<<(w.tries-5)))
	}
	l.tell(at, "login", "authentication", who, f)
}

// wait is how long a client must not guess at a name.
type wait struct {
	tries int
	until time.Time
}

// shared is a session that its owner uses in a browser, and somebody else.
func (l *life) shared(at time.Time, i int, other fields) {
	l.request(at, victim.about("s-victim", "203.0.113.5"), "GET", "/api/rooms", "/api/rooms", 200)
	l.request(at.Add(time.Second), victim.about("s-victim", "203.0.113.5"), "GET", "/api/rooms/{room}", fmt.Sprint("/api/rooms/", i%5), 200, other)
}

// Each attack is found at each speed, and told of its own.
func TestAttacksAreFound(t *testing.T) {
	known := load(t)
	for name, step := range attacks {
		for _, s := range speeds {
			t.Run(name+", "+s.name, func(t *testing.T) {
				l := &life{rand: rand.New(rand.NewPCG(1, 2))}
				for i := range s.steps {
					step(l, monday.Add(time.Duration(i)*s.pace), i)
				}
				var first time.Time
				rules := map[string]int{}
				for _, f := range findings(t, known, l.events) {
					if f.Level < finding.Medium {
						continue
					}
					if first.IsZero() {
						first = f.Last
					}
					rules[f.Title]++
				}
				if first.IsZero() {
					t.Fatal("nothing was found")
				}
				t.Logf("after %v, %d rules", first.Sub(monday).Round(time.Second), len(rules))
			})
		}
	}
}

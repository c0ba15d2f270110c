package pack

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// life is some days of people who do nothing wrong, and get much wrong.
type life struct {
	rand   *rand.Rand
	events []happening
	waits  map[string]*wait
}

type happening struct {
	at     time.Time
	fields map[string]any
}

type fields = map[string]any

var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func (l *life) tell(at time.Time, action, category string, all ...fields) {
	f := fields{"event.action": action, "event.category": category, "event.outcome": "success"}
	for _, more := range all {
		for k, v := range more {
			f[k] = v
		}
	}
	l.events = append(l.events, happening{at, f})
}

// person is somebody with an account and a browser.
type person struct {
	id, agent, place string
	network          int
	addresses        []string // the first at home, others on the way
	roles            []string
	rooms            []string
	night, factor    bool
}

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:%[1]d.0) Gecko/20100101 Firefox/%[1]d.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E%d Safari/604.1",
}

// people are n of them, of whom most are behind one address of a mobile carrier.
func (l *life) people(n int) (all []*person) {
	for i := range n {
		p := &person{id: fmt.Sprintf("u%d", i), agent: fmt.Sprintf(agents[i%len(agents)], 141), place: "DE", network: 3320, roles: []string{"user"}, night: i%9 == 0, factor: i%3 == 0}
		p.addresses = []string{"198.51.100.1", fmt.Sprintf("203.0.113.%d", i%250)}
		if i%4 == 0 {
			p.addresses = []string{fmt.Sprintf("192.0.2.%d", i%250), "198.51.100.1"}
		}
		if i%40 == 7 {
			p.roles = []string{"user", "moderator"}
		}
		for range 3 + l.rand.IntN(12) {
			p.rooms = append(p.rooms, fmt.Sprintf("r%d", l.rand.IntN(60)))
		}
		all = append(all, p)
	}
	return all
}

// about is who does something in which session from where.
func (p *person) about(session, ip string) fields {
	return fields{
		"user.id": p.id, "user.roles": p.roles, "gateway.session": session, "gateway.device": "d-" + p.id, "source.ip": ip, "user_agent.original": p.agent,
		"source.geo.country_iso_code": p.place, "source.as.number": p.network,
	}
}

// signIn is a login, with what goes wrong in it.
func (l *life) signIn(p *person, at time.Time, session, ip string) time.Time {
	who := p.about(session, ip)
	account := fields{"gateway.account": "ACCOUNT" + strings.ToUpper(p.id)}
	wrong := 0
	switch x := l.rand.IntN(100); {
	case x < 6:
		wrong = 1 + l.rand.IntN(3) // mistyped
	case x < 8:
		wrong = 6 // forgotten, and then a new one
	}
	for range wrong {
		at = at.Add(time.Duration(8+l.rand.IntN(20)) * time.Second)
		f := fields{"event.outcome": "failure", "event.reason": "wrong password", "gateway.session": "", "user.roles": nil}
		if l.rand.IntN(10) == 0 {
			f["gateway.device"] = "" // cookies were cleared
		}
		l.tell(at, "login", "authentication", who, account, f)
	}
	if wrong == 6 {
		l.tell(at.Add(time.Minute), "password-reset-requested", "iam", fields{"source.ip": ip})
		l.tell(at.Add(3*time.Minute), "password-reset", "iam", who)
		at = at.Add(4 * time.Minute)
	}
	if l.rand.IntN(100) == 0 { // a mistyped name
		l.tell(at, "login", "authentication", fields{
			"event.outcome": "failure", "event.reason": "unknown user name", "source.ip": ip, "user_agent.original": p.agent, "gateway.account": fmt.Sprintf("TYPO%d", l.rand.IntN(1e6)),
		})
	}
	if p.factor {
		l.tell(at.Add(time.Second), "login-first-step", "authentication", who, account, fields{"gateway.session": ""})
		for l.rand.IntN(12) == 0 {
			at = at.Add(20 * time.Second)
			l.tell(at, "second-factor", "authentication", who, fields{"event.outcome": "failure"})
		}
		at = at.Add(15 * time.Second)
		l.tell(at, "second-factor", "authentication", who)
	}
	at = at.Add(2 * time.Second)
	l.tell(at, "login", "authentication", who, account)
	return at
}

// request is one that a client makes, with the answer.
func (l *life) request(at time.Time, who fields, method, route, path string, status int, more ...fields) {
	f := fields{"http.request.method": method, "gateway.route": method + " " + route, "url.path": path, "http.response.status_code": status, "http.response.body.bytes": 2000 + l.rand.IntN(30000)}
	if status >= 400 {
		f["event.outcome"] = "failure"
	}
	l.tell(at, "http-request", "web", append([]fields{who, f}, more...)...)
}

// talk is an hour of reading and writing.
func (l *life) talk(p *person, from time.Time, session, ip string) {
	who := p.about(session, ip)
	room := fields{"gateway.resource.type": "room"}
	for _, r := range p.rooms { // the client starts
		room["gateway.resource.id"] = r
		l.request(from, who, "GET", "/api/rooms/{room}/messages", "/api/rooms/"+r+"/messages", 200, room)
		from = from.Add(150 * time.Millisecond)
	}
	for range 12 {
		from = from.Add(time.Duration(60+l.rand.IntN(300)) * time.Second)
		r := p.rooms[l.rand.IntN(len(p.rooms))]
		room := fields{"gateway.resource.type": "room", "gateway.resource.id": r}
		switch l.rand.IntN(20) {
		case 0: // a picture, and others that are already there
			l.request(from, who, "POST", "/api/rooms/{room}/files", "/api/rooms/"+r+"/files", 201, room, fields{"http.request.body.bytes": 3 << 20})
			for range l.rand.IntN(15) {
				id := fmt.Sprint(l.rand.IntN(5000))
				l.request(from, who, "GET", "/api/files/{id}", "/api/files/"+id, 200, fields{"http.response.body.bytes": 2 << 20})
			}
		case 1: // something that is gone, and the client asks again
			id := fmt.Sprint(l.rand.IntN(5000))
			for i := range 1 + l.rand.IntN(40) {
				l.request(from.Add(time.Duration(i)*5*time.Second), who, "GET", "/api/files/{id}", "/api/files/"+id, 404)
			}
		case 2: // a room that one was put out of
			l.request(from, who, "GET", "/api/rooms/{room}", "/api/rooms/"+r, 403, room, fields{"gateway.decision.allow": false})
		case 3: // code in a message
			for i := range 1 + l.rand.IntN(4) {
				l.request(from.Add(time.Duration(i)*4*time.Second), who, "POST", "/api/rooms/{room}/messages", "/api/rooms/"+r+"/messages", 403, room,
					fields{"gateway.waf.blocked": true, "gateway.waf.score.inbound": 15, "rule.id": []int{942100, 942190, 932160, 949110}})
			}
		case 4: // too fast
			l.request(from, who, "POST", "/api/rooms/{room}/messages", "/api/rooms/"+r+"/messages", 429, room)
		case 5:
			l.request(from, who, "DELETE", "/api/rooms/{room}/messages/{id}", fmt.Sprintf("/api/rooms/%s/messages/%d", r, l.rand.IntN(1e6)), 204)
		case 6: // a stale token
			l.tell(from, "token-refused", "authentication", fields{"event.outcome": "failure", "event.reason": "invalid", "source.ip": ip, "user_agent.original": p.agent})
		case 7:
			l.tell(from, "upload-refused", "web", who, fields{"event.outcome": "failure", "gateway.upload.findings": []string{"type"}, "gateway.upload.sha256": p.id})
		default:
			l.request(from, who, "POST", "/api/rooms/{room}/messages", "/api/rooms/"+r+"/messages", 201, room)
			l.tell(from, "socket-activity", "web", who, fields{"gateway.socket.messages_in": 3 + l.rand.IntN(18), "gateway.socket.bytes_out": 4000})
		}
	}
}

// day is one of a person's.
func (l *life) day(p *person, midnight time.Time, n int) {
	hour := 7 + l.rand.IntN(3)
	if p.night {
		hour = 21
	}
	at := midnight.Add(time.Duration(hour)*time.Hour + time.Duration(l.rand.IntN(3600))*time.Second)
	session := fmt.Sprintf("s-%s-%d", p.id, n)
	at = l.signIn(p, at, session, p.addresses[0])
	for i := range 3 {
		switch l.rand.IntN(300) {
		case 0: // a VPN is switched on
			p.place, p.network = "NL", 64500
		case 1:
			p.place, p.network = "DE", 3320
		case 2: // the browser updates itself
			p.agent = strings.Replace(p.agent, "141", "142", 2)
		case 3: // the password, or a factor, because it was time
			l.tell(at, "password-changed", "iam", p.about(session, p.addresses[0]))
		case 4: // a new phone
			q := *p
			q.agent = fmt.Sprintf(agents[4], 148)
			l.tell(at, "login-unusual", "authentication", q.about(session+"-new", q.addresses[0]), fields{"gateway.risk.reasons": []string{"new-device"}})
			l.tell(at.Add(time.Minute), "second-factor-added", "iam", q.about(session+"-new", q.addresses[0]))
		case 5: // abroad, with the own phone
			l.tell(at, "login-unusual", "authentication", p.about(session, p.addresses[0]), fields{"gateway.risk.reasons": []string{"new-country", "impossible-travel"}})
		}
		at = at.Add(time.Duration(90+l.rand.IntN(60)) * time.Minute) // the hour before is over
		l.talk(p, at, session, p.addresses[(i+1)%len(p.addresses)])
	}
	if at = at.Add(2 * time.Hour); slices.Contains(p.roles, "moderator") { // the spam of a night, and an export
		who := p.about(session, p.addresses[0])
		for i := range 60 {
			l.request(at.Add(time.Duration(i)*4*time.Second), who, "DELETE", "/api/rooms/{room}/messages/{id}", fmt.Sprintf("/api/rooms/r1/messages/%d-%d", n, i), 204)
		}
		for i := range 150 {
			l.request(at.Add(time.Duration(i)*2*time.Second), who, "GET", "/api/rooms/{room}/messages", "/api/rooms/r1/messages", 200, fields{"http.response.body.bytes": 8 << 20})
		}
	}
}

// others are who comes without an account.
func (l *life) others(midnight time.Time) {
	for i := range 300 { // a crawler follows links into what needs signing in
		l.tell(midnight.Add(time.Duration(i)*7*time.Second), "http-request", "web", fields{
			"event.outcome": "failure", "http.request.method": "GET", "url.path": fmt.Sprintf("/post/%d", i), "http.response.status_code": 401, "source.ip": "66.249.66.1",
			"user_agent.original": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		})
	}
	for i := range 24 * 60 { // a monitor
		l.tell(midnight.Add(time.Duration(i)*time.Minute), "http-request", "web", fields{
			"http.request.method": "GET", "url.path": "/", "http.response.status_code": 200, "source.ip": "216.144.250.150", "user_agent.original": "Mozilla/5.0+(compatible; UptimeRobot/2.0)",
		})
	}
	for i, path := range []string{"/", "/.env", "/.git/config", "/favicon.ico"} { // what looks at every address of the internet
		l.tell(midnight.Add(time.Duration(i)*time.Hour), "http-request", "web", fields{
			"event.outcome": "failure", "http.request.method": "GET", "url.path": path, "http.response.status_code": 404, "source.ip": fmt.Sprintf("45.33.32.%d", i+1), "user_agent.original": "Mozilla/5.0 zgrab/0.x",
		})
	}
	for i := range 60 { // previews of links
		l.tell(midnight.Add(time.Duration(i)*11*time.Minute), "http-request", "web", fields{
			"event.outcome": "failure", "http.request.method": "GET", "url.path": fmt.Sprintf("/api/files/%d", i), "gateway.route": "GET /api/files/{id}", "http.response.status_code": 401,
			"source.ip": "54.236.1.1", "user_agent.original": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
		})
	}
	for i := range 24 * 60 { // a script that keeps an old password, on the machine where it always ran
		l.tell(midnight.Add(time.Duration(i)*time.Minute), "login-refused", "authentication", fields{
			"event.outcome": "failure", "source.ip": "192.0.2.251", "gateway.account": "SCRIPT", "gateway.device": "d-script", "user_agent.original": "python-requests/2.32.3",
		})
	}
}

// event is an hour that everybody comes to.
func (l *life) event(all []*person, at time.Time) {
	for i, p := range all {
		who := p.about("s-"+p.id+"-0", p.addresses[0])
		when := at.Add(time.Duration(i) * 300 * time.Millisecond)
		l.request(when, who, "PUT", "/api/rooms/{room}/members/{user}", "/api/rooms/party/members/{user}", 204)
		for j := range 6 {
			l.request(when.Add(time.Duration(j)*20*time.Second), who, "POST", "/api/rooms/{room}/messages", "/api/rooms/party/messages", 201, fields{"gateway.resource.id": "party"})
		}
	}
}

// Nobody who lives is an attacker: nothing of what hundreds of people do in days, most of them behind one address, is a finding that wakes somebody.
func TestOrdinaryLifeIsQuiet(t *testing.T) {
	l := &life{rand: rand.New(rand.NewPCG(8, 2026))}
	all := l.people(120)
	for n := range 2 {
		midnight := monday.AddDate(0, 0, n)
		for _, p := range all {
			l.day(p, midnight, n)
		}
		l.others(midnight)
	}
	l.event(all, monday.Add(20*time.Hour))
	found := findings(t, load(t), l.events)
	for _, f := range found {
		if f.Level >= finding.Medium {
			t.Errorf("%s %s %v: %s", f.Level, f.Title, f.Subjects, f.Explain)
		}
	}
	t.Logf("%d events, %d findings for the record", len(l.events), len(found))
}

// findings are what all rules make of the events.
func findings(t *testing.T, rules *detect.Rules, events []happening) (all []*finding.Finding) {
	t.Helper()
	slices.SortStableFunc(events, func(a, b happening) int { return a.at.Compare(b.at) })
	windows := correlate.New(rules, correlate.Options{})
	found := func(f *finding.Finding) { all = append(all, f) }
	var e ecs.Event
	for i, h := range events {
		h.fields["@timestamp"], h.fields["event.id"] = h.at.Format(time.RFC3339Nano), fmt.Sprintf("life-%d", i)
		for k, v := range h.fields {
			if v == nil || v == "" {
				delete(h.fields, k)
			}
		}
		line, err := json.Marshal(h.fields)
		if err == nil {
			err = e.Parse(line)
		}
		if err != nil {
			t.Fatal(err)
		}
		rules.Match(&e, func(r *detect.Rule) { windows.Observe(r, &e, found) })
	}
	windows.End(found)
	return all
}

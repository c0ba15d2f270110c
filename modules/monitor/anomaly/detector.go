package anomaly

import (
	"math"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const (
	windowLength = 600  // seconds
	warm         = 12   // windows of a subject before its own past counts
	slowest      = 0.03 // the gain of its means, at the least
	fewestMoves  = 20   // from route to route
	firstLook    = 64   // events of a window at which it is judged before its end, and again at each doubling
	silence      = 36   // windows for which nothing more is told of a subject that something was told of

	defaultMemory = 128 << 20
	defaultAlert  = 97
	defaultNotice = 70
)

// Options of a detector; zero values take the defaults.
type Options struct {
	Memory int64   // bytes for subjects; default 128 MiB
	Alert  float64 // the score, of 100, from which an anomaly is a finding of level medium; default 97
	Notice float64 // the score from which it is one of level low, which only raises the risk; default 70
}

// Detector sees events one after the other. Not for use by several at once.
type Detector struct {
	o        Options
	subjects *table
	crowds   [2][features]*crowd // of clients, of accounts
	rarity   [2]*crowd           // of how little mass vectors have
	forests  [2]*forest
	routes   *routes
	whole    *whole
}

// Kinds of subjects.
const (
	clients = iota
	accounts
)

var kinds = [2]string{clients: finding.Client, accounts: finding.User}

// New makes one that knows nothing.
func New(o Options) *Detector {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Alert == 0 {
		o.Alert = defaultAlert
	}
	if o.Notice == 0 {
		o.Notice = defaultNotice
	}
	d := &Detector{o: o, subjects: newTable(o.Memory), routes: newRoutes(), whole: newWhole()}
	for k := range kinds {
		d.forests[k], d.rarity[k] = newForest(), newCrowd()
		for i := range d.crowds[k] {
			d.crowds[k][i] = newCrowd()
		}
	}
	return d
}

// Subjects is how many are known, how many there may be, and how many had to go for others.
func (d *Detector) Subjects() (known, most int, evicted uint64) {
	return int(d.subjects.used), int(d.subjects.most), d.subjects.evicted
}

// act is what one event says.
type act struct {
	time                     time.Time
	event                    string // its id
	ip, user, account        string
	path, route, resource    string
	country                  string
	requests, refused, bytes float32
	change                   bool // it is neither GET nor HEAD
	failed                   bool // a login, or its second factor
	error                    bool // the back end's, or the gateway's own
}

// See takes an event in, and tells what is unusual.
func (d *Detector) See(e *ecs.Event, found func(*finding.Finding)) {
	a, ok := read(e)
	if !ok {
		return
	}
	d.whole.see(&a, found)
	if a.ip != "" {
		d.note(clients, finding.SubjectOf("source.ip", a.ip).ID, &a, found)
	}
	if a.user != "" {
		d.note(accounts, a.user, &a, found)
	}
}

// Taint says that a rule saw an attack of the subject: its window is not learned from.
func (d *Detector) Taint(s finding.Subject) {
	if s.Kind != finding.Client && s.Kind != finding.User {
		return
	}
	if known, ok := d.subjects.known(d.subjects.key(s.Kind, s.ID)); ok {
		known.tainted = true
	}
}

func read(e *ecs.Event) (a act, ok bool) {
	a.time = e.Time()
	if a.time.Unix() <= 0 {
		return a, false
	}
	a.ip, a.user, a.event = e.Text("source.ip"), e.Text("user.id"), e.ID()
	a.country = e.Text("source.geo.country_iso_code")
	if kind := e.Text("gateway.resource.type"); kind != "" {
		a.resource = kind + "\x00" + e.Text("gateway.resource.id")
	}
	failed := e.Text("event.outcome") == "failure"
	number := func(name string) float32 {
		n, _ := e.Number(name)
		return float32(max(0, n))
	}
	switch e.Text("event.action") {
	case "http-request":
		a.requests, a.bytes = 1, number("http.response.body.bytes")
		status := number("http.response.status_code")
		if status >= 400 && status < 500 && status != 499 {
			a.refused = 1
		}
		a.error = status >= 500
		a.path, a.route = e.Text("url.path"), e.Text("gateway.route")
		method := e.Text("http.request.method")
		a.change = method != "GET" && method != "HEAD" && method != "OPTIONS"
	case "socket-activity":
		a.requests, a.bytes = number("gateway.socket.messages_in"), number("gateway.socket.bytes_out")
		a.refused = number("gateway.socket.refused")
	case "policy-decision":
		if e.Text("gateway.decision.message_type") == "" {
			return a, false // its request has an event of its own
		}
	case "login", "second-factor":
		a.account = e.Text("gateway.account")
		a.failed = failed
	case "login-refused":
		a.account, a.failed = e.Text("gateway.account"), true
	default:
		return a, false
	}
	return a, true
}

// note counts what a subject did, and judges its window when it has ended, or when it is already full.
func (d *Detector) note(kind int, id string, a *act, found func(*finding.Finding)) {
	s := d.subjects.get(d.subjects.key(kinds[kind], id))
	if w := a.time.Unix() / windowLength; w > s.window {
		if s.window != 0 {
			d.close(kind, id, s, a, found)
		}
		s.begin(w)
	}
	d.count(kind, s, a)
	if n := uint32(s.counts[requests] + s.counts[failures]); n >= s.judgeNext {
		s.judgeNext = 2 * n
		v := s.vector()
		d.judge(kind, id, s, &v, a, found)
	}
}

func (d *Detector) count(kind int, s *subject, a *act) {
	s.counts[requests] += a.requests
	s.counts[refused] += a.refused
	s.counts[bytesOut] += a.bytes
	if a.change {
		s.counts[changes]++
	}
	if a.failed {
		s.counts[failures]++
	}
	add := func(i int, text string) {
		if text != "" {
			// One hash in all processes, so that replay counts what was counted live. Who makes paths up that collide hides no more than their number.
			s.sketches[i-paths].add(xxhash.Sum64String(text))
		}
	}
	add(paths, a.path)
	add(resources, a.resource)
	if kind == clients {
		add(others, a.user)
		add(others, a.account)
	} else {
		add(others, a.ip)
	}
	if len(a.country) == 2 {
		s.met |= 1 << ((uint(a.country[0])*31 + uint(a.country[1])) % 64)
	}
	if a.route == "" {
		return
	}
	to := d.routes.id(a.route)
	if s.route != 0 && s.moved < math.MaxUint16 {
		s.moves += float32(d.routes.surprise(s.route, to))
		s.moved++
		if kind == accounts && !s.tainted {
			d.routes.learn(s.route, to)
		}
	}
	s.route = to
}

// close judges a window that has ended, and learns from it.
func (d *Detector) close(kind int, id string, s *subject, a *act, found func(*finding.Finding)) {
	v := s.vector()
	score := d.judge(kind, id, s, &v, a, found)
	if s.tainted {
		return
	}
	s.learn(&v) // also of what is unusual: who does otherwise from now on is usual after a while
	if score >= d.o.Alert {
		return // but it is nobody else's habit
	}
	for i, c := range d.crowds[kind] {
		if i != order || s.moved >= fewestMoves {
			c.learn(float64(v[i]))
		}
	}
	scaled := scale(&v)
	if mass, ok := d.forests[kind].mass(&scaled); ok {
		d.rarity[kind].learn(-mass)
	}
	d.forests[kind].learn(&scaled)
}

func scale(v *[features]float32) (scaled [features]float32) {
	for i := range v {
		scaled[i] = min(1, v[i]*all[i].scale)
	}
	return scaled
}

// judge tells how unusual a window is, of 100, and of it where it is unusual enough.
func (d *Detector) judge(kind int, id string, s *subject, v *[features]float32, a *act, found func(*finding.Finding)) float64 {
	parts, rest := d.parts(kind, s, v), 1.0
	for _, p := range parts {
		rest *= 1 - p.says
	}
	score := 100 * (1 - rest)
	if score < d.o.Notice || s.window-s.told < silence && !(score >= d.o.Alert && s.told < 0) {
		return score
	}
	s.told = s.window
	d.tell(kind, id, s, score, parts, a, found)
	return score
}

func (d *Detector) tell(kind int, id string, s *subject, score float64, parts []part, a *act, found func(*finding.Finding)) {
	level := finding.Low
	if score >= d.o.Alert && s.windows >= warm { // who has no past is unlike others, but nobody knows what is usual of them
		level = finding.Medium
	}
	subjects := []finding.Subject{{Kind: kinds[kind], ID: id}}
	var words []string
	for _, p := range parts {
		if p.says >= 0.05 {
			words = append(words, p.words)
		}
	}
	found(&finding.Finding{
		ID: finding.ID(ruleID, subjects, a.event), Kind: finding.Anomaly, Rule: ruleID, Title: title[kind], Level: level,
		First: time.Unix(s.window*windowLength, 0).UTC(), Last: a.time, Subjects: subjects, Count: int(s.counts[requests] + s.counts[failures]),
		Events: []string{a.event}, Respond: []string{"challenge"}, Explain: strings.Join(words, ", "), Score: math.Round(score*10) / 10,
	})
}

const ruleID = "anomaly"

var title = [2]string{"A client behaves unlike what is usual", "An account behaves unlike what is usual"}

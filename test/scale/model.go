package main

import "slices"

// Use is what something takes of each part: of one request, or, of a gateway that nobody asks anything, in a second.
type Use struct {
	Gateway    float64 // seconds of a processor, of the gateways
	Redis      float64 // and of Redis
	Postgres   float64 // and of PostgreSQL
	Chat       float64 // and of the chat, which is not part of the gateway
	Commands   float64 // of Redis
	Statements float64 // of PostgreSQL
	Written    float64 // rows that PostgreSQL inserted, updated or deleted
	WAL        float64 // bytes that it wrote ahead
	Events     float64 // bytes of the event files and the audit log
}

func (u Use) times(n float64) Use {
	return Use{u.Gateway * n, u.Redis * n, u.Postgres * n, u.Chat * n, u.Commands * n, u.Statements * n, u.Written * n, u.WAL * n, u.Events * n}
}

// atLeastNothing takes away what is below nothing: the difference of two measurements that were much the same.
func (u Use) atLeastNothing() Use {
	return Use{max(0, u.Gateway), max(0, u.Redis), max(0, u.Postgres), max(0, u.Chat), max(0, u.Commands), max(0, u.Statements), max(0, u.Written), max(0, u.WAL), max(0, u.Events)}
}

func (u Use) plus(o Use) Use {
	return Use{u.Gateway + o.Gateway, u.Redis + o.Redis, u.Postgres + o.Postgres, u.Chat + o.Chat, u.Commands + o.Commands,
		u.Statements + o.Statements, u.Written + o.Written, u.WAL + o.WAL, u.Events + o.Events}
}

// Results are what was measured. Everything on the page is made of them.
type Results struct {
	Measured string // the day
	Machine  string
	Cores    int
	Quota    float64 // of a processor, for each gateway while requests were counted; 0: they had none

	Shared Use                // of a fleet that nobody asks anything, in a second, however many gateways it has
	Idle   Use                // and of each of them besides
	Kinds  map[string]Use     // of one request of each kind
	Rates  map[string]float64 // how many a second there were while it was measured

	SocketKiB   float64 // of the gateway's memory, for an open socket
	Sockets     int     // that were open for this
	ResidentMiB float64 // of a gateway that has just started
	BanBytes    float64 // of a gateway's memory, for a banned network
	Bans        int
	Checks      []Check
}

// Share of a kind among all requests.
type Share struct {
	Kind  string
	Share float64
}

// Mix is what people do with a chat, by request: an assumption, and the first thing to replace by figures of one's own.
var Mix = []Share{
	{"read messages", .50}, {"list rooms", .12}, {"socket message", .20}, {"post a message", .08}, {"session", .03}, {"refresh", .02}, {"login", .005},
	{"upload 64 KiB", .005}, {"attack, refused", .03}, {"banned client", .01},
}

// Members are the others in a room who have a socket open, and so hear what is said on one.
const Members = 10

// Typical is what the average request of a mix takes.
func (r Results) Typical(mix []Share) (u Use) {
	for _, s := range mix {
		u = u.plus(r.Kinds[s.Kind].times(s.Share))
	}
	return u
}

// Chat is what the average request takes, with all who hear what is said.
func (r Results) Chat() Use {
	u := r.ByOne()
	for _, s := range Mix {
		if s.Kind == "socket message" || s.Kind == "post a message" {
			u = u.plus(r.Kinds[delivery].times(s.Share * Members))
		}
	}
	return u
}

// Unasked is what a number of gateways takes of each part in a second while nobody asks them anything.
func (r Results) Unasked(gateways int) Use { return r.Shared.plus(r.Idle.times(float64(gateways))) }

// Predict is the same, at so many requests a second.
func (r Results) Predict(gateways int, requests float64, of Use) Use {
	return r.Unasked(gateways).plus(of.times(requests))
}

// What is assumed of machines and of how far they are loaded.
const (
	nodeCores    = 4  // of a gateway's machine
	load         = .6 // of its processors, so that one of three may fail
	redisLoad    = .7 // of the one thread that commands run on
	nodeSockets  = 20000
	postgresFull = .6
	postgresCPUs = 16
)

// Need is what a fleet needs at full load.
type Need struct {
	Gateways   int
	Requests   float64 // in a second, all together
	Sockets    int
	SocketsGiB float64 // of each gateway's memory
	Commands   float64
	Redis      float64 // cores
	Statements float64
	Written    float64
	Postgres   float64 // cores
	WAL        float64 // MB/s
	Feed       float64 // statements a second of gateways that only look for what changed, of all
	Events     float64 // GB a day
}

// Need says what a fleet of so many gateways needs.
func (r Results) Need(gateways int) Need {
	typical := r.Chat()
	requests := (float64(gateways)*nodeCores*load - r.Unasked(gateways).Gateway) / typical.Gateway
	u := r.Predict(gateways, requests, typical)
	return Need{
		Gateways: gateways, Requests: requests, Sockets: gateways * nodeSockets, SocketsGiB: nodeSockets * r.SocketKiB / (1 << 20),
		Commands: u.Commands, Redis: u.Redis, Statements: u.Statements, Written: u.Written, Postgres: u.Postgres, WAL: u.WAL / 1e6,
		Feed: float64(gateways) * r.Idle.Statements, Events: u.Events * 86400 / 1e9,
	}
}

// Shards is how many masters a Redis Cluster needs for it: commands run on one thread each.
func (n Need) Shards() int { return atLeast(n.Redis / redisLoad) }

// Databases is how many PostgreSQL servers of 16 cores its statements would fill.
func (n Need) Databases() float64 { return n.Postgres / (postgresCPUs * postgresFull) }

func atLeast(x float64) int {
	n := int(x)
	if float64(n) < x {
		n++
	}
	return max(1, n)
}

// Limit is a part that is full at a number of gateways.
type Limit struct {
	Part string
	At   float64
}

// Limits are the parts that all gateways share, the one that is full first first.
func (r Results) Limits() []Limit {
	const many = 1000
	n := r.Need(many)
	all := []Limit{
		{"one Redis: the thread that its commands run on", many * redisLoad / n.Redis},
		{"one PostgreSQL of 16 cores", many * postgresCPUs * postgresFull / n.Postgres},
	}
	slices.SortFunc(all, func(a, b Limit) int {
		if a.At < b.At {
			return -1
		}
		return 1
	})
	return all
}

// Check is what there was in a fleet here, under the mix.
type Check struct {
	Gateways int
	Seconds  float64
	Requests float64 // in a second
	Measured Use     // in a second
}

// ByOne is what the average request of the mix took of a fleet of one: what a request of each kind takes when it is sent alone leaves out what comes with
// time and not with requests, as leases that are renewed, correlations that are saved, and caches that are cold.
func (r Results) ByOne() Use {
	one := r.Checks[0]
	return one.Measured.plus(r.Unasked(one.Gateways).times(-1)).times(1 / one.Requests)
}

// Said is what the model says of a fleet by that: the requests, by the processor time that its gateways had, and what these take.
func (r Results) Said(c Check) (requests float64, use Use) {
	requests = (c.Measured.Gateway - r.Unasked(c.Gateways).Gateway) / r.ByOne().Gateway
	return requests, r.Predict(c.Gateways, c.Requests, r.ByOne())
}

// Off is by how much a prediction was wrong.
func Off(said, was float64) float64 {
	if was == 0 {
		return 0
	}
	return said/was - 1
}

package limit

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// OnFailure is what a zone does while Redis can't be asked.
type OnFailure uint8

const (
	Local  OnFailure = iota // count in this process
	Open                    // admit
	Closed                  // refuse
)

// Mode is where a zone is counted.
type Mode uint8

const (
	Exact     Mode = iota // in Redis, each time
	Leased                // in Redis, by tokens that this process takes several at once
	InProcess             // in this process alone
)

// Zone is one limit with a name. Zones of one name and kind count together, wherever they are written, on all processes that share a Redis.
type Zone struct {
	Name      string
	Tier      string // whose limit it is, "" everybody's: those of one zone's tiers are counted apart
	Limit     Limit
	Mode      Mode
	OnFailure OnFailure
	Shadow    bool   // is counted and never refuses: Result.Shadowed tells that it would have
	Refunds   bool   // what it charges may come back by Refund, so a refusal is remembered for a second at most
	Lease     int64  // the most tokens a process takes at once where the mode is Leased; 0 means the default
	Policy    string // as the field RateLimit-Policy tells it; for the caller, nothing here reads it
	Tag       any    // for the caller, too
}

// Subject is who or what is counted: a digest, so that keys have one length and Redis holds no names.
type Subject [16]byte

// NewSubject makes a subject of parts: no other parts give it.
func NewSubject(parts ...string) Subject {
	var space [128]byte
	b := space[:0]
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return Subject(sum[:16])
}

// Lease is who holds a unit of a Concurrent limit. Whoever takes one chooses it at random; a second Take by the same holder renews it.
type Lease [16]byte

// Charge asks units of a zone for a subject. Result is filled in by Take and Peek.
type Charge struct {
	Zone    *Zone
	Subject Subject
	Cost    int64 // units; 0 means 1. A Concurrent limit counts one for each lease, whatever the cost.
	Lease   Lease // of a Concurrent limit
	Result  Result

	receipt receipt
}

// cost is the units asked for.
func (c *Charge) cost() int64 {
	if c.Zone.Limit.kind == Concurrent {
		return 1
	}
	return max(1, c.Cost)
}

// receipt is what Refund needs to know of a charge.
type receipt struct {
	at    int64 // when it was asked, on this process's clock
	end   int64 // of a quota: when its period ends, on the clock by which it was counted
	redis bool  // Redis was charged, not this process
}

// Result is what a zone says.
type Result struct {
	Refused   bool
	Skipped   bool          // not counted: Redis could not be asked, or another zone had refused already
	Shadowed  bool          // a shadow zone would have refused; nothing was charged here
	Remaining int64         // units that would be admitted now
	Reset     time.Duration // until all units are free again by themselves; 0 of a Concurrent limit
	Wait      time.Duration // when refused or shadowed: until the cost is admitted, which is never too early; below 0: never. Of a Concurrent limit: until the first lease ends if it is not renewed.
	Charged   int64         // units that were taken, which Refund gives back
}

// Source is where a decision was made.
type Source uint8

const (
	FromMemory Source = iota // there is no Redis
	FromRedis
	FromDenied // remembered from an earlier refusal by Redis
	FromFailure
	FromLease // tokens that this process had taken before
)

// Decision is about all charges together: all were charged, or none.
type Decision struct {
	Allowed     bool
	Unavailable bool // refused because a zone that fails closed could not be counted; no zone's Result says Refused
	Source      Source
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

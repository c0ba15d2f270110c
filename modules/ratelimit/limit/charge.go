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

// Zone is one limit with a name. Zones of one name count together, wherever they are written, on all processes that share a Redis.
type Zone struct {
	Name      string
	Tier      string // whose limit it is, "" everybody's: those of one zone's tiers are counted apart
	Limit     Limit
	OnFailure OnFailure
	Policy    string // as the field RateLimit-Policy tells it; for the caller, nothing here reads it
}

// counter names what the zone counts by. Neither part holds a dot.
func (z *Zone) counter() string {
	if z.Tier == "" {
		return z.Name
	}
	return z.Name + "." + z.Tier
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

// Charge asks one unit of a zone for a subject. Result is filled in by Take.
type Charge struct {
	Zone    *Zone
	Subject Subject
	Result  Result
}

// entry is what a memory counts by.
type entry [16]byte

func (c *Charge) entry() entry {
	var space [96]byte
	b := append(append(space[:0], c.Subject[:]...), c.Zone.counter()...)
	sum := sha256.Sum256(b)
	return entry(sum[:16])
}

// Result is what a zone says.
type Result struct {
	Refused   bool
	Skipped   bool          // not counted: Redis could not be asked, or another zone had refused already
	Remaining int64         // units that would be admitted now
	Reset     time.Duration // until the whole burst is free again
	Wait      time.Duration // when refused: until one unit is free, which is never too early; below 0: never
}

// Source is where a decision was made.
type Source uint8

const (
	FromMemory Source = iota // there is no Redis
	FromRedis
	FromDenied // remembered from an earlier refusal by Redis
	FromFailure
)

// Decision is about all charges together: all were charged, or none.
type Decision struct {
	Allowed     bool
	Unavailable bool // refused because a zone that fails closed could not be counted; no zone's Result says Refused
	Source      Source
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

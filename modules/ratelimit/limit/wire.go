package limit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
)

// Operations of limits.lua.
const (
	opTake   = 'T'
	opPeek   = 'P'
	opRefund = 'R'
	opDebit  = 'D'
	opRenew  = 'N'
)

const recordSize = 2 + 3*8 + 16

var suffixes = [...]string{"", ":day", ":month", ":held"}

// form is how limits.lua counts the limit: a number for each kind and period, an index of suffixes.
func (l Limit) form() uint8 {
	switch l.kind {
	case Concurrent:
		return 3
	case Quota:
		return 1 + uint8(l.period)
	}
	return 0
}

// key is gw:{rl:subject}:length:zone, as store.Key writes it. What a zone counts by is its name, its tier and its form; names hold neither dots nor
// colons.
func (c *Charge) key() string {
	z := c.Zone
	suffix := suffixes[z.Limit.form()]
	n := len(z.Name) + len(suffix)
	if z.Tier != "" {
		n += 1 + len(z.Tier)
	}
	var space [192]byte
	b := append(space[:0], "gw:{"...)
	b = c.appendTag(b)
	b = append(b, "}:"...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(append(b, ':'), z.Name...)
	if z.Tier != "" {
		b = append(append(b, '.'), z.Tier...)
	}
	return string(append(b, suffix...))
}

// appendTag appends what a Redis Cluster hashes of the key.
func (c *Charge) appendTag(b []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(append(b, "rl:"...), c.Subject[:])
}

// appendRecord appends what limits.lua is told of a charge.
func (c *Charge) appendRecord(b []byte, op byte, now int64) []byte {
	l := c.Zone.Limit
	amount, extra := l.amount(c.cost()), l.expiry
	switch {
	case op == opRefund:
		if amount, extra = c.credit(now), c.receipt.end/dayLength; l.kind == Rate {
			amount, extra = l.amount(c.Result.Charged), c.receipt.end // what has leaked since is told there, by the clock that counted
		}
	case op != opDebit && c.cost() > l.Burst:
		amount = l.capacity + 1 // never
	}
	shadow := byte(0)
	if c.Zone.Shadow {
		shadow = 1
	}
	b = append(b, l.form(), shadow)
	for _, n := range [...]int64{l.capacity, amount, extra} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return append(b, c.Lease[:]...)
}

var errAnswer = errors.New("asking Redis for limits: the answer has another length")

// read fills in the results of opTake and opPeek from the answer.
func read(answer string, op byte, charges []Charge, asked int64) (ok bool, err error) {
	if len(answer) != 8*(2+3*len(charges)) {
		return false, errAnswer
	}
	number := func(i int) int64 {
		var b [8]byte
		copy(b[:], answer[8*i:])
		return int64(binary.LittleEndian.Uint64(b[:]))
	}
	ok = number(0) == 1
	now := number(1)
	for i := range charges {
		c := &charges[i]
		c.tell(number(3*i+2), number(3*i+3), number(3*i+4))
		if ok && op == opTake && !c.Result.Shadowed {
			c.charged(receipt{at: asked, end: now + number(3*i+3), redis: true})
		}
	}
	return ok, nil
}

// charged notes that Take took what was asked.
func (c *Charge) charged(r receipt) {
	c.Result.Charged = c.cost()
	c.receipt = r
}

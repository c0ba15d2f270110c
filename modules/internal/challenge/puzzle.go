package challenge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/bits"
	"strconv"
	"strings"
)

// parts is how many small puzzles one has.
const parts = 32

// How many bits of work a puzzle may have: it takes 2^work hashes. Less than parts of one bit there can't be; more than the most would take
// a phone minutes.
const (
	MinWork = 6
	MaxWork = 26
)

// algorithm names how puzzles are solved, so that another can come after it.
const algorithm = "sha256-zero-bits"

// maxNonce is far more than any part needs: 2^32 hashes, where 2^(MaxWork-5) are expected.
const maxNonce = 1<<32 - 1

// Puzzle is what a client is sent, as JSON. To solve it, find for each part i from 0 to Parts-1 a number n below 2^32 such that the SHA-256
// of the ASCII text
//
//	<seed>:<i>:<n>
//
// begins with Bits zero bits, numbers in decimal. The answer is <token>.<n of part 0>.<n of part 1>…
type Puzzle struct {
	Algorithm string `json:"algorithm"`
	Token     string `json:"token"`
	Seed      string `json:"seed"`
	Parts     int    `json:"parts"`
	Bits      int    `json:"bits"`
	ExpiresIn int    `json:"expires_in"` // seconds

	// Where the answer goes, for whoever sets the puzzle to say: into a header of the request that it was set for, to another address as JSON
	// {"answer": …}, or into a member of the body.
	Header string `json:"answer_header,omitempty"`
	URL    string `json:"answer_url,omitempty"`
	Member string `json:"answer_member,omitempty"`
}

// Puzzle sets a puzzle of 2^work hashes. What is outside MinWork and MaxWork is brought within.
func (d *Desk) Puzzle(p Purpose, c Client, work int) Puzzle {
	now := d.now()
	t := newTicket(puzzleToken, now, now.Add(puzzleLife))
	t.bits = byte(min(max(work, MinWork), MaxWork) - bits.Len(parts-1))
	return Puzzle{
		Algorithm: algorithm, Token: d.seal(t, p, c), Seed: t.seed(), Parts: parts, Bits: int(t.bits), ExpiresIn: int(puzzleLife.Seconds()),
	}
}

// seed is what the hashes begin with: known only once the puzzle is set, so nothing can be computed before.
func (t ticket) seed() string { return base64.RawURLEncoding.EncodeToString(t.id[:]) }

// Solved tells whether the answer solves a puzzle that was set to the client for the purpose, for the first time. Errors: ErrForged,
// ErrExpired, ErrWrong, ErrUsed.
func (d *Desk) Solved(ctx context.Context, p Purpose, c Client, answer string) error {
	token, rest, _ := strings.Cut(answer, ".")
	t, ok := d.open(token, puzzleToken, p, c)
	if !ok {
		return ErrForged
	}
	// From is not looked at: it is when it was made, and gateways' clocks differ.
	if !d.now().Before(t.until) {
		return ErrExpired
	}
	if !t.solvedBy(rest) {
		return ErrWrong
	}
	return d.spend(ctx, t)
}

// solvedBy looks at the numbers of an answer: as many as there are parts, each spelled in one way.
func (t ticket) solvedBy(numbers string) bool {
	h := newHasher(t.seed(), int(t.bits))
	for part := range parts {
		number, rest, more := strings.Cut(numbers, ".")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || number[0] == '0' && len(number) > 1 || !h.fits(part, n) {
			return false
		}
		if last := part == parts-1; more == last {
			return false
		}
		numbers = rest
	}
	return true
}

// hasher tries numbers.
type hasher struct {
	seed string
	bits int
	buf  [64]byte
}

func newHasher(seed string, bits int) *hasher { return &hasher{seed: seed, bits: bits} }

// fits tells whether n solves a part.
func (h *hasher) fits(part int, n uint64) bool {
	b := append(h.buf[:0], h.seed...)
	b = append(b, ':')
	b = strconv.AppendInt(b, int64(part), 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, n, 10)
	sum := sha256.Sum256(b)
	zero := 0
	for _, octet := range sum {
		zero += bits.LeadingZeros8(octet)
		if octet != 0 {
			break
		}
	}
	return zero >= h.bits
}

// Solve computes the answer, as programs do.
func Solve(ctx context.Context, p Puzzle) (answer string, err error) {
	if p.Algorithm != algorithm || p.Parts != parts {
		return "", errors.New("a puzzle of another kind")
	}
	var b strings.Builder
	b.WriteString(p.Token)
	h := newHasher(p.Seed, p.Bits)
	for part := range parts {
		n := uint64(0)
		for !h.fits(part, n) {
			if n++; n > maxNonce {
				return "", errors.New("the puzzle has no solution")
			}
			if n%(1<<16) == 0 && ctx.Err() != nil {
				return "", ctx.Err()
			}
		}
		b.WriteByte('.')
		b.WriteString(strconv.FormatUint(n, 10))
	}
	return b.String(), nil
}

// Harder is the work for somebody who has come back so often: one bit more each time that their number doubles, up to most.
func Harder(base int, times int64, most int) int {
	return min(base+bits.Len64(uint64(max(times, 1)))-1, most, MaxWork)
}

package challenge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Client is whom a task is set to. Answers of others are worth nothing.
type Client struct {
	Address   string // reqctx.Client.Key
	UserAgent string
}

// Purpose is what a task is for. What is solved for one is worth nothing for another.
type Purpose string

// Purposes.
const (
	Requests Purpose = "requests" // to have any answered
	Login    Purpose = "login"    // to have one try
)

// kind is what a token stands for.
type kind byte

const (
	puzzleToken kind = iota + 1
	waitToken
	clearanceToken
)

const (
	idSize    = 16
	macSize   = 16
	plainSize = 1 + 1 + 8 + 8 + idSize // kind, bits, from, until, id
	tokenSize = plainSize + macSize
)

// tokenLength is how long each token is when it is written.
var tokenLength = base64.RawURLEncoding.EncodedLen(tokenSize)

// ticket is what a token says.
type ticket struct {
	kind  kind
	bits  byte      // of a puzzle
	from  time.Time // before that it is worth nothing
	until time.Time // nor from then on
	id    [idSize]byte
}

func newTicket(k kind, from, until time.Time) ticket {
	t := ticket{kind: k, from: from, until: until}
	_, _ = rand.Read(t.id[:]) // never fails: crypto/rand ends the process instead
	return t
}

// seal writes the ticket for a client. The client is in the signature alone: tokens say nothing of who holds them.
func (d *Desk) seal(t ticket, p Purpose, c Client) string {
	b := make([]byte, 0, tokenSize)
	b = append(b, byte(t.kind), t.bits)
	b = binary.BigEndian.AppendUint64(b, uint64(t.from.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(t.until.UnixMilli()))
	b = append(b, t.id[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, d.sign(b, p, c)...))
}

// open reads a token that seal wrote, of this kind, for this purpose and this client; false for any other text.
func (d *Desk) open(token string, k kind, p Purpose, c Client) (ticket, bool) {
	var t ticket
	if len(token) != tokenLength {
		return t, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token) // strict: one token has one spelling
	if err != nil || len(b) != tokenSize {
		return t, false
	}
	plain, mac := b[:plainSize], b[plainSize:]
	if !hmac.Equal(mac, d.sign(plain, p, c)) || kind(plain[0]) != k {
		return t, false
	}
	t.kind, t.bits = kind(plain[0]), plain[1]
	t.from = time.UnixMilli(int64(binary.BigEndian.Uint64(plain[2:])))
	t.until = time.UnixMilli(int64(binary.BigEndian.Uint64(plain[10:])))
	copy(t.id[:], plain[18:])
	return t, true
}

// sign binds the parts together, each with its length.
func (d *Desk) sign(plain []byte, p Purpose, c Client) []byte {
	h := hmac.New(sha256.New, d.key)
	var space [256]byte
	b := space[:0]
	for _, part := range []string{string(plain), string(p), c.Address, c.UserAgent} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	h.Write(b)
	return h.Sum(nil)[:macSize]
}

package stream

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Segment is the length of a sealed segment, tag included. The first is shorter by what stands before it.
const Segment = 64 << 10

const (
	magic      = "\xf1GWSTRM\x01"
	tagSize    = 16
	saltSize   = 32
	prefixSize = 7
	tinkHead   = 1 + saltSize + prefixSize
	maxID      = 64 // bytes of a key set's id
)

// MaxHead is the most bytes that stand before the first segment.
const MaxHead = len(magic) + 1 + maxID + 4 + tinkHead

// ErrBroken says that a stream is not what was sealed in this place: cut off, changed, or another's. It tells no more, on purpose.
var ErrBroken = errors.New("the encrypted stream can't be opened")

// ErrPlain says that there is no encrypted stream.
var ErrPlain = errors.New("not an encrypted stream")

// Head names the key.
type Head struct {
	Set     string // the key set's id
	Version uint32 // of its key
}

// Place is where a stream belongs. It opens nowhere else.
type Place struct {
	Tenant string // the key set's name
	Record string
	Field  string
}

// aad is the associated data: each part with its length before it, so that none runs into the next.
func (p Place) aad() []byte {
	var b []byte
	for _, s := range []string{"gw-stream-v1", p.Tenant, p.Record, p.Field} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

// IsSealed tells whether a body that begins so is an encrypted stream: MagicSize bytes are enough to tell.
func IsSealed(begin []byte) bool { return bytes.HasPrefix(begin, []byte(magic)) }

// MagicSize is how many bytes IsSealed needs.
const MagicSize = len(magic)

// head is everything before the first segment.
type head struct {
	Head
	salt   [saltSize]byte
	prefix [prefixSize]byte
	nonce  [prefixSize + 5]byte // of the segment at hand
}

func (h *head) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, byte(len(h.Set)))
	b = append(b, h.Set...)
	b = binary.BigEndian.AppendUint32(b, h.Version)
	b = append(b, tinkHead)
	b = append(b, h.salt[:]...)
	return append(b, h.prefix[:]...)
}

// errMore says that the head has not come whole.
var errMore = errors.New("more of the head is needed")

// parseHead reads the head at the beginning of b, and tells its length.
func parseHead(b []byte) (h head, n int, err error) {
	short := len(b) < len(magic)
	if !bytes.HasPrefix(b, []byte(magic)) && (!short || !bytes.HasPrefix([]byte(magic), b)) {
		return h, 0, ErrPlain
	}
	if short || len(b) == len(magic) {
		return h, 0, errMore
	}
	id := int(b[len(magic)])
	if id == 0 || id > maxID {
		return h, 0, fmt.Errorf("%w: its head is malformed", ErrBroken)
	}
	if n = len(magic) + 1 + id + 4 + tinkHead; len(b) < n {
		return h, 0, errMore
	}
	rest := b[len(magic)+1:]
	h.Set = string(rest[:id])
	h.Version = binary.BigEndian.Uint32(rest[id:])
	rest = rest[id+4:]
	if rest[0] != tinkHead {
		return h, 0, fmt.Errorf("%w: its head is malformed", ErrBroken)
	}
	copy(h.salt[:], rest[1:])
	copy(h.prefix[:], rest[1+saltSize:])
	return h, n, nil
}

// cipher makes the stream's own cipher of the version's key.
func (h *head) cipher(key []byte, p Place) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, h.salt[:], string(p.aad()), 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a stream's key: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("a stream's cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// nonceOf a segment: prefix, number, and whether it is the last.
func (h *head) nonceOf(n uint32, last bool) []byte {
	copy(h.nonce[:], h.prefix[:])
	binary.BigEndian.PutUint32(h.nonce[prefixSize:], n)
	h.nonce[prefixSize+4] = 0
	if last {
		h.nonce[prefixSize+4] = 1
	}
	return h.nonce[:]
}

// maxSegments is what a nonce can number.
const maxSegments = math.MaxUint32

// Layout is where things lie in a stream with a head of so many bytes.
type Layout struct{ head int64 }

// LayoutOf is that of streams under a key set's id.
func LayoutOf(set string) Layout { return Layout{int64(len(magic) + 1 + len(set) + 4 + tinkHead)} }

// SealedSize is the length of what Sealer makes of so many bytes.
func (l Layout) SealedSize(plain int64) int64 {
	return l.head + plain + tagSize*(l.segmentOf(max(plain-1, 0))+1)
}

// PlainSize is the length of what a stream of that length holds; ok is false where no stream has that length.
func (l Layout) PlainSize(sealed int64) (plain int64, ok bool) {
	segments := max(1, (sealed+Segment-1)/Segment)
	plain = sealed - l.head - tagSize*segments
	return plain, plain >= 0 && l.SealedSize(plain) == sealed
}

// segmentOf is the number of the segment that a byte of the plaintext lies in.
func (l Layout) segmentOf(at int64) int64 { return (at + l.head) / (Segment - tagSize) }

// From tells where to begin reading for a byte of the plaintext: at which byte of the stream, where a segment begins, with which number, and how many bytes
// of its plaintext come before the one that is wanted.
func (l Layout) From(at int64) (offset int64, segment uint32, skip int64) {
	n := l.segmentOf(at)
	if n == 0 {
		return 0, 0, at
	}
	return n * Segment, uint32(n), at + l.head - n*(Segment-tagSize)
}

// Body is where the first segment begins, after the head.
func (l Layout) Body() int64 { return l.head }

// Until is the byte of the stream after the segment that a byte of the plaintext lies in; a stream may end before it.
func (l Layout) Until(at int64) int64 { return (l.segmentOf(at) + 1) * Segment }

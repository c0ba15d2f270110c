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
	idRoom     = 64 // bytes of a key set's id, at most
)

const (
	// HeadSize is the length of what stands before the first segment.
	HeadSize = int64(ownHead + tinkHead)

	ownHead = len(magic) + 1 + idRoom + 4
)

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
	b = append(b, make([]byte, idRoom-len(h.Set))...)
	b = binary.BigEndian.AppendUint32(b, h.Version)
	b = append(b, tinkHead)
	b = append(b, h.salt[:]...)
	return append(b, h.prefix[:]...)
}

// couldBe tells whether what has come so far can be the beginning of a stream.
func couldBe(b []byte) bool {
	return string(b[:min(len(b), len(magic))]) == magic[:min(len(b), len(magic))]
}

// parseHead reads a head of HeadSize bytes. One head has one spelling.
func parseHead(b []byte) (h head, err error) {
	if !IsSealed(b) {
		return h, ErrPlain
	}
	b = b[len(magic):]
	size, id := int(b[0]), b[1:1+idRoom]
	if size == 0 || size > idRoom || bytes.Trim(id[size:], "\x00") != nil {
		return h, errHead
	}
	h.Set = string(id[:size])
	b = b[1+idRoom:]
	h.Version = binary.BigEndian.Uint32(b)
	if b = b[4:]; b[0] != tinkHead {
		return h, errHead
	}
	copy(h.salt[:], b[1:])
	copy(h.prefix[:], b[1+saltSize:])
	return h, nil
}

var errHead = fmt.Errorf("%w: its head is malformed", ErrBroken)

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

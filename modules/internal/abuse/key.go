package abuse

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
)

// key names who has a score: a client's is 'c' and the 16 bytes of its address, a person's 'u' and the account's id.
type key string

const (
	clientKind = 'c'
	userKind   = 'u'
	longestID  = 64 // bytes of an account's id; a longer one (another issuer's) is kept as its digest
)

// client is the address without what a caller can choose freely: of IPv6 the first 64 bits.
func client(a netip.Addr) (netip.Prefix, bool) {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

// clientBytes writes a client's key into space, so that a look-up needs no memory.
func clientBytes(space []byte, p netip.Prefix) []byte {
	b := p.Addr().As16()
	return append(append(space, clientKind), b[:]...)
}

func userBytes(space []byte, id string) []byte {
	if len(id) > longestID {
		sum := sha256.Sum256([]byte(id))
		id = "sha256:" + hex.EncodeToString(sum[:16])
	}
	return append(append(space, userKind), id...)
}

// client returns the client that the key names, false where it names a person or nothing.
func (k key) client() (netip.Prefix, bool) {
	if len(k) != 17 || k[0] != clientKind {
		return netip.Prefix{}, false
	}
	return client(netip.AddrFrom16([16]byte([]byte(k[1:]))))
}

// user returns the id that the key names, "" where it names a client or nothing.
func (k key) user() string {
	if len(k) < 2 || k[0] != userKind {
		return ""
	}
	return string(k[1:])
}

package apitoken

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

// Kinds of tokens.
const (
	Personal = "personal"
	Service  = "service"
)

// A token is a prefix, 40 characters of base32 (200 random bits) and 7 with the CRC-32 of all before: gwp_ or gws_, then [a-z2-7]{47}.
const (
	personalPrefix = "gwp_"
	servicePrefix  = "gws_"
	secretBytes    = 25
	checkBytes     = 4
	tokenLen       = len(personalPrefix) + 40 + 7
	personalID     = "pat_"
	serviceID      = "svc_"
	randomID       = 26 // characters of rand.Text
)

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newToken makes a token and its id.
func newToken(kind string) (raw, id string) {
	prefix, id := personalPrefix, personalID
	if kind == Service {
		prefix, id = servicePrefix, serviceID
	}
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	raw = prefix + encoding.EncodeToString(secret)
	return raw + checksum(raw), id + rand.Text()
}

func checksum(s string) string {
	return encoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}

// Is tells whether raw is meant to be one of these tokens, so nothing else.
func Is(raw string) bool {
	return strings.HasPrefix(raw, personalPrefix) || strings.HasPrefix(raw, servicePrefix)
}

// kindOf tells the kind of a token that may be one of ours: what is mistyped or cut needs no look into the database. "" is none.
func kindOf(raw string) string {
	if len(raw) != tokenLen || checksum(raw[:tokenLen-7]) != raw[tokenLen-7:] {
		return ""
	}
	secret := raw[len(personalPrefix) : tokenLen-7]
	for i := range len(secret) {
		if c := secret[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return ""
		}
	}
	switch {
	case strings.HasPrefix(raw, personalPrefix):
		return Personal
	case strings.HasPrefix(raw, servicePrefix):
		return Service
	}
	return ""
}

// IsID tells a token's id from a session's.
func IsID(id string) bool {
	return len(id) == len(personalID)+randomID && (strings.HasPrefix(id, personalID) || strings.HasPrefix(id, serviceID))
}

// hash is what rests of a token. It needs no salt and no cost: it is of 200 random bits.
func hash(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return hex.EncodeToString(sum[:])
}

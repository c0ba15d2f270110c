package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// A refresh token is <sid>.<secret>: 26 characters of session id, a dot, and 48 bytes in base64url: 32 secret ones and a proof of 16,
// an HMAC over both under a server key. So a token that we never gave out is refused without asking the database,
// and only one that we did can be a reuse that ends the session: its id alone, which is no secret, can't.
const (
	secretLen = 32
	proofLen  = 16
	tokenLen  = 26 + 1 + (secretLen+proofLen)/3*4
)

func (m *Manager) newSecret() []byte {
	b := make([]byte, secretLen)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

func (m *Manager) refreshToken(sid string, secret []byte) string {
	return sid + "." + base64.RawURLEncoding.EncodeToString(append(secret[:secretLen:secretLen], m.prove(sid, secret)...))
}

func (m *Manager) prove(sid string, secret []byte) []byte {
	return mac(m.proof, sid, secret)[:proofLen]
}

// successor is the secret that follows: whoever asks twice gets the same, and only its hash need be stored.
func (m *Manager) successor(sid string, secret []byte) []byte { return mac(m.next, sid, secret) }

// mac joins without lengths: sid has always 26 bytes.
func mac(key []byte, sid string, secret []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(sid))
	h.Write(secret)
	return h.Sum(nil)
}

// parseRefresh reads a token that we gave out at some time.
func (m *Manager) parseRefresh(raw string) (sid string, secret []byte, ok bool) {
	if len(raw) != tokenLen || strings.ContainsAny(raw, "\r\n") {
		return "", nil, false
	}
	sid, rest, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || !isID(sid) || len(b) != secretLen+proofLen {
		return "", nil, false
	}
	secret = b[:secretLen:secretLen]
	return sid, secret, subtle.ConstantTimeCompare(b[secretLen:], m.prove(sid, secret)) == 1
}

func hashSecret(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:])
}

package device

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"github.com/convosphere/gateway/modules/internal/store"
)

// A browser's cookie holds one pair for each account that signed in there, the latest first: <id>.<secret>~<id>.<secret>…
// Both are 26 characters, as rand.Text makes them: 130 bits.
const (
	idLen    = 26
	pairLen  = 2*idLen + 1
	accounts = 5 // of one browser
	// looked are the pairs that are looked at: all that a request's headers can hold by default, so that no neighbouring host hides the right one behind
	// those that it plants.
	looked = 600
)

type pair struct{ id, secret string }

// pairs reads cookies' values, one or several joined by "~". What is no pair is left out.
func pairs(cookie string) (all []pair) {
	for p := range strings.SplitSeq(cookie, "~") {
		if len(p) == pairLen && p[idLen] == '.' && isID(p[:idLen]) && isID(p[idLen+1:]) {
			all = append(all, pair{p[:idLen], p[idLen+1:]})
		}
		if len(all) == looked {
			break
		}
	}
	return all
}

// first is the cookie that has p before the others.
func (p pair) first(others []pair) string {
	out := p.id + "." + p.secret
	n := 1
	for _, o := range others {
		if o.id != p.id && n < accounts {
			out += "~" + o.id + "." + o.secret
			n++
		}
	}
	return out
}

func newPair() pair { return pair{rand.Text(), rand.Text()} }

// hash is what is stored of a secret: it has 130 random bits, so nothing slow is needed.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// program is the id of a program's device: the same for one account, kind of program and place.
func (s *Store) program(v Visit) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(store.Key("program", v.Account, v.UserAgent, v.Client.Key())))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil))[:idLen]
}

func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(s) == idLen
}

package detect

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what was found.
type Kind uint8

// Kinds.
const (
	Card Kind = iota
	IBAN
	Mail
	Phone
	APIKey
	JWT
	PrivateKey
	idGermany // tax identification number
	idSpain   // DNI, NIE
	idFrance  // NIR
	idItaly   // codice fiscale
	idDutch   // BSN
	idPoland  // PESEL
	idBritish // National Insurance number
	idAmerica // SSN
	count
)

// nationalID is the word for all of them.
const nationalID = "national-id"

var words = [count]string{
	"card", "iban", "mail", "phone", "api-key", "jwt", "private-key",
	"national-id:de", "national-id:es", "national-id:fr", "national-id:it", "national-id:nl", "national-id:pl", "national-id:uk", "national-id:us",
}

// String is the word that configurations, events and metrics have for it.
func (k Kind) String() string { return words[k] }

// Set is a set of kinds.
type Set uint32

// Has tells whether a kind is among them.
func (s Set) Has(k Kind) bool { return s&(1<<k) != 0 }

// Kinds are all that are in the set.
func (s Set) Kinds() (all []Kind) {
	for k := range count {
		if s.Has(k) {
			all = append(all, k)
		}
	}
	return all
}

// Parse reads words: of a kind; "national-id", which is that of every country; or "all".
func Parse(list []string) (Set, error) {
	var s Set
	for _, word := range list {
		i := slices.Index(words[:], word)
		switch {
		case i >= 0:
			s |= 1 << i
		case word == nationalID:
			for k := idGermany; k < count; k++ {
				s |= 1 << k
			}
		case word == "all":
			s |= 1<<count - 1
		default:
			return 0, fmt.Errorf("%q is nothing that can be detected: there are %s, %s, all", word, strings.Join(words[:], ", "), nationalID)
		}
	}
	return s, nil
}

// Longest is how many bytes a match has at most, a private key's aside, which can be Open.
const Longest = 4 << 10

// Match is one place in a text.
type Match struct {
	Kind       Kind
	Start, End int
	Open       bool // a private key that goes on behind the end of the text
}

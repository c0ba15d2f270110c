// Package grant keeps who stands in which relation to what: subject–relation–object, durable in the database, remembered in
// memory, and forgotten in every process within a second of a change (the database's change feed, topic "grant").
package grant

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Everyone is the subject that stands for whoever is signed in.
const Everyone = "*"

// Parent is the relation of the object that holds another: its subject is an object ("room:x" parent "file:y").
const Parent = "parent"

// Topic of the change feed; the key is the object.
const Topic = "grant"

// Grant is one relation.
type Grant struct {
	Subject  string    // a user name, Everyone, or for Parent an object
	Relation string    // "owner", "member", …
	Object   string    // "type:id"
	Expires  time.Time // it holds until then, to the microsecond; zero: for good
}

// Most bytes of each part.
const (
	maxSubject  = 256 + 64
	maxRelation = 64
	maxObject   = 256 + 64
)

// ErrMalformed says that a grant can't be: a part is missing, too long, or not what it must be.
var ErrMalformed = errors.New("malformed grant")

// check refuses what must never be stored. Names and objects can't be taken for each other: an object has a colon.
func (g Grant) check() error {
	switch {
	case !IsObject(g.Object):
		return fmt.Errorf("%w: the object is not type:id of at most %d bytes", ErrMalformed, maxObject)
	case g.Relation == "" || len(g.Relation) > maxRelation || !isText(g.Relation):
		return fmt.Errorf("%w: the relation", ErrMalformed)
	case g.Relation == Parent && !IsObject(g.Subject):
		return fmt.Errorf("%w: the parent is no object", ErrMalformed)
	case g.Relation == Parent && !g.Expires.IsZero(): // fail closed: without it, a request could name another parent
		return fmt.Errorf("%w: a parent can't expire", ErrMalformed)
	case g.Relation == BreakGlass && (g.Expires.IsZero() || g.Subject == Everyone || kind(g.Object) != sessionKind):
		return fmt.Errorf("%w: emergency access is one person's to one session, and ends", ErrMalformed)
	case g.Relation != Parent && !IsPerson(g.Subject) && g.Subject != Everyone:
		return fmt.Errorf("%w: the subject is no user name", ErrMalformed)
	}
	return nil
}

// checkRemoval is check where an empty subject or relation means any.
func (g Grant) checkRemoval() error {
	if !IsObject(g.Object) || len(g.Relation) > maxRelation || len(g.Subject) > maxSubject || !isText(g.Relation) || !isText(g.Subject) {
		return fmt.Errorf("%w: it can't be removed", ErrMalformed)
	}
	return nil
}

// What names are made of.
const (
	nameLetters  = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	labelLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-"
	maxForeign   = 256
)

// IsPerson tells whether s can be the name of a person or a program: lower case letters, digits, dot, underscore and hyphen, at most 64; or one whom another
// issuer vouches for, as gw_authenticate spells it: such a name in which %XX stands for any other byte, an @ and the issuer's label, at most 256. What is spelt
// otherwise is nobody's name, so a grant to it would wait for somebody who was never meant.
func IsPerson(s string) bool {
	name, label, foreign := strings.Cut(s, "@")
	if !foreign {
		return s != "" && len(s) <= 64 && strings.Trim(s, nameLetters) == ""
	}
	return name != "" && label != "" && len(s) <= maxForeign && strings.Trim(label, labelLetters) == "" && isSpelled(name)
}

// isSpelled takes the one spelling: two of a name would be two people.
func isSpelled(name string) bool {
	for i := 0; i < len(name); i++ {
		if strings.IndexByte(nameLetters, name[i]) >= 0 {
			continue
		}
		if name[i] != '%' || i+2 >= len(name) {
			return false
		}
		b, err := strconv.ParseUint(name[i+1:i+3], 16, 8)
		if err != nil || fmt.Sprintf("%02X", b) != name[i+1:i+3] || strings.IndexByte(nameLetters, byte(b)) >= 0 {
			return false
		}
		i += 2
	}
	return true
}

// IsObject tells whether s names an object: "type:id".
func IsObject(s string) bool {
	kind, id, ok := strings.Cut(s, ":")
	return ok && kind != "" && id != "" && len(s) <= maxObject && isText(s)
}

// isText tells whether s is what databases and terminals take for text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, isControl) }

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// Package measure knows what is done to subjects for a while short of keeping them out: puzzles, tighter limits, a stricter WAF, a second factor
// asked for, sockets closed. Detection and operators decide on it; the handlers of requests ask.
//
// A Table holds the measures of one database in memory: it reads them all, hears of changes by the change feed, so that a measure holds in the whole
// fleet within a second, and deletes those that have ended. Where the database can't be reached it goes on with what it last knew. A View is one
// configuration's view of the table, with those whom no machine may touch. Asking takes no lock.
package measure

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Kind is what is done.
type Kind uint8

// The kinds.
const (
	Challenge    Kind = iota // must solve a puzzle before it goes on
	Throttle                 // its limits are a quarter as wide
	Paranoia                 // what it sends is inspected at a higher level
	SecondFactor             // must give a second factor anew
	CloseSockets             // its open sockets are closed, and no new ones stay open
	kinds
)

var kindNames = [kinds]string{"challenge", "throttle", "raise_paranoia", "require_second_factor", "close_sockets"}

// String is the kind's word in configurations, events and metrics.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseKind reads a kind's word.
func ParseKind(word string) (Kind, bool) {
	i := slices.Index(kindNames[:], word)
	return Kind(max(i, 0)), i >= 0
}

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Challenge, Throttle, Paranoia, SecondFactor, CloseSockets} }

// Kinds of subjects that requests are known by.
const (
	Client  = "client"  // an address, or the /64 of an IPv6 address
	User    = "user"    // an account's id
	Session = "session" // a session's id
)

// Subject is whom it is done to.
type Subject struct{ Kind, ID string }

// Measure is one kind in force against one subject.
type Measure struct {
	Subject Subject
	Kind    Kind
	Created time.Time // zero when putting: now
	Expires time.Time
	By      string // the response that it belongs to, "" for none; at most 64 bytes
}

// Errors of what can't be.
var (
	ErrMalformed = errors.New("it is no measure")
	ErrExempt    = errors.New("nothing is done to it by a machine")
	ErrFull      = errors.New("there are as many measures as there may be")
	ErrNone      = errors.New("there is no such measure")
)

const (
	mostID  = 256 // bytes
	longest = 90 * 24 * time.Hour
)

// Check reads the subject's one spelling, and tells what it can't be.
func (s Subject) Check() (Subject, error) {
	switch s.Kind {
	case Client:
		p, err := ban.Parse(s.ID)
		if err != nil {
			return s, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		s.ID = spell(p)
	case User, Session:
	default:
		return s, fmt.Errorf("%w: measures are taken against a client, a user or a session", ErrMalformed)
	}
	if s.ID == "" || len(s.ID) > mostID || !utf8.ValidString(s.ID) || strings.ContainsFunc(s.ID, func(r rune) bool { return r < ' ' }) {
		return s, fmt.Errorf("%w: the subject's id", ErrMalformed)
	}
	return s, nil
}

// spell is a prefix as subjects have it: the address, where it holds but one.
func spell(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (m *Measure) check(now time.Time) (err error) {
	if m.Subject, err = m.Subject.Check(); err != nil {
		return err
	}
	switch {
	case m.Kind >= kinds:
		return fmt.Errorf("%w: its kind", ErrMalformed)
	case !m.Expires.After(now):
		return fmt.Errorf("%w: it would have ended before it began", ErrMalformed)
	case m.Expires.After(now.Add(longest)):
		return fmt.Errorf("%w: it may last 90 days", ErrMalformed)
	case len(m.By) > 64:
		return fmt.Errorf("%w: the id of its response", ErrMalformed)
	}
	return nil
}

// Who is a request's subjects, as far as they are known.
type Who struct {
	IP            netip.Addr
	User, Session string
}

// Caller is who a request comes from.
func Caller(rc *reqctx.Request) Who {
	w := Who{IP: rc.Client.IP}
	if rc.Identity != nil {
		w.User, w.Session = rc.Identity.Subject, rc.Identity.Session
	}
	return w
}

// Set is which kinds are in force.
type Set uint8

// Has tells whether the kind is among them.
func (s Set) Has(k Kind) bool { return s&(1<<k) != 0 }

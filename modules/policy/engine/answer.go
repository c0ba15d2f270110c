package engine

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Bounds of an answer: it is remembered, and written into events.
const (
	maxReason  = 1024 // bytes
	maxText    = 256  // bytes of any other string
	maxMembers = 256  // of a list
)

// parseDecision reads {allow, reason, allow_truncated, obligations: {step_up, max_age, mask, encrypt, tier, log, expires, incident}}. Only allow is
// required. A member that is not known, or of another type than it must have, makes the whole malformed: an obligation that can't be read
// can't be met.
func parseDecision(v any) (d Decision, err error) {
	o, ok := v.(ast.Object)
	if !ok {
		return d, errors.New("it is no object")
	}
	if o.Get(kAllow) == nil {
		return d, errors.New("allow is missing")
	}
	var read Decision
	m := members{of: o}
	m.boolean(kAllow, &read.Allow)
	m.text(kReason, maxReason, &read.Reason)
	m.boolean(kAllowTruncated, &read.truncated)
	if t := m.take(kObligations); t != nil {
		m.err = errors.Join(m.err, obligations(t, &read.Obligations))
	}
	if err := m.end("a decision has allow, reason, allow_truncated and obligations"); err != nil {
		return d, err
	}
	if read.Allow && read.Obligations.StepUp {
		return d, errors.New("it allows and asks for a step up")
	}
	return read, nil
}

func obligations(t *ast.Term, to *Obligations) error {
	o, ok := t.Value.(ast.Object)
	if !ok {
		return errors.New("obligations is no object")
	}
	m := members{of: o}
	m.boolean(kStepUp, &to.StepUp)
	m.seconds(kMaxAge, &to.MaxAge)
	m.texts(kMask, &to.Mask)
	m.texts(kEncrypt, &to.Encrypt)
	m.text(kTier, maxText, &to.Tier)
	m.text(kLog, maxText, &to.Log)
	m.seconds(kExpires, &to.Expires)
	m.text(kIncident, maxText, &to.Incident)
	switch to.Log {
	case "", LogNone, LogBrief, LogFull:
	default:
		m.err = errors.Join(m.err, errors.New("log is none of none, brief and full"))
	}
	return m.end("obligations has step_up, max_age, mask, encrypt, tier, log, expires and incident")
}

// members reads the members of an object, each at most once.
type members struct {
	of    ast.Object
	taken int
	err   error // the first that was wrong
}

func (m *members) take(key *ast.Term) *ast.Term {
	t := m.of.Get(key)
	if t != nil {
		m.taken++
	}
	return t
}

// end tells what was wrong, or that there is more than was read. The member is not named, for it may hold what came in; known says what there may be.
func (m *members) end(known string) error {
	if m.err == nil && m.taken < m.of.Len() {
		return errors.New("it has a member that is not known: " + known)
	}
	return m.err
}

func (m *members) fail(key *ast.Term, what string) {
	if m.err == nil {
		m.err = fmt.Errorf("%s is %s", key.Value.(ast.String), what)
	}
}

func (m *members) boolean(key *ast.Term, to *bool) {
	t := m.take(key)
	if t == nil {
		return
	}
	b, ok := t.Value.(ast.Boolean)
	if !ok {
		m.fail(key, "no boolean")
	}
	*to = bool(b)
}

// longest is more than any session lasts.
const longest = 366 * 24 * time.Hour

func (m *members) seconds(key *ast.Term, to *time.Duration) {
	t := m.take(key)
	if t == nil {
		return
	}
	n, ok := t.Value.(ast.Number)
	if !ok {
		m.fail(key, "no number")
		return
	}
	s, err := strconv.ParseInt(string(n), 10, 64) // not n.Int64: what is no plain number of digits may be a very long one
	if err != nil || s < 0 || s > int64(longest/time.Second) {
		m.fail(key, "no whole number of seconds up to a year")
		return
	}
	*to = time.Duration(s) * time.Second
}

func (m *members) text(key *ast.Term, most int, to *string) {
	t := m.take(key)
	if t == nil {
		return
	}
	s, ok := t.Value.(ast.String)
	switch {
	case !ok:
		m.fail(key, "no string")
	case len(s) > most:
		m.fail(key, "too long")
	default:
		*to = string(s)
	}
}

func (m *members) texts(key *ast.Term, to *[]string) {
	t := m.take(key)
	if t == nil {
		return
	}
	each := func(item *ast.Term) {
		s, ok := item.Value.(ast.String)
		switch {
		case !ok:
			m.fail(key, "no list of strings")
		case len(s) > maxText || len(*to) == maxMembers:
			m.fail(key, "too long")
		default:
			*to = append(*to, string(s))
		}
	}
	switch v := t.Value.(type) {
	case *ast.Array:
		v.Foreach(each)
	case ast.Set:
		v.Foreach(each)
	default:
		m.fail(key, "no list")
	}
}

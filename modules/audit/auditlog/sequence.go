package auditlog

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// seen is a line that was read as an event.
type seen struct {
	claimed   int64 // the index that it says; -1: none
	id        string
	hash      tlog.Hash
	authentic bool // it is what was written at that index
}

// sequence finds out what happened to an order of events: which are missing, which were put in, which stand elsewhere.
type sequence struct {
	next   int64  // the index that is expected
	held   *seen  // a line that is not the expected one: what comes after it tells what it is
	gaps   []gap  // indexes that are missing, in order
	strays []seen // lines that are at no place of theirs, with the index that was expected there
	at     []int64
	more   int // strays that are not remembered
}

type gap struct{ from, to int64 }

// see takes a line. accept is told of each index in order, with its event where it is there.
func (s *sequence) see(l seen, accept func(i int64, l *seen)) {
	if s.held == nil {
		if l.authentic && l.claimed == s.next {
			accept(l.claimed, &l)
			s.next++
			return
		}
		s.held = &l
		return
	}
	held := *s.held
	s.held = nil
	switch {
	case l.authentic && l.claimed == s.next: // something was put in before it
		s.stray(held)
	case l.authentic && l.claimed == s.next+1: // something stands in the place of one
		s.stray(held)
		s.missing(s.next+1, accept)
	default:
		s.take(held, accept)
	}
	s.see(l, accept)
}

// take decides on a line that what follows does not explain.
func (s *sequence) take(l seen, accept func(i int64, l *seen)) {
	switch {
	case l.authentic && l.claimed > s.next: // what is between is missing, at least here
		s.missing(l.claimed, accept)
		accept(l.claimed, &l)
		s.next++
	case l.authentic && l.claimed == s.next:
		accept(l.claimed, &l)
		s.next++
	case !l.authentic && l.claimed == s.next: // it stands where it says, but is not what was written
		s.stray(l)
		s.missing(s.next+1, accept)
	default:
		s.stray(l)
	}
}

// flush decides on what is held, for nothing follows.
func (s *sequence) flush(accept func(i int64, l *seen)) {
	if s.held == nil {
		return
	}
	held := *s.held
	s.held = nil
	s.take(held, accept)
}

// mostStrays bounds what is remembered of a log that is rubbish.
const mostStrays = 100_000

func (s *sequence) stray(l seen) {
	if len(s.strays) == mostStrays {
		s.more++
		return
	}
	s.strays, s.at = append(s.strays, l), append(s.at, s.next)
}

// missing notes that indexes up to the given one are not here.
func (s *sequence) missing(upTo int64, accept func(i int64, l *seen)) {
	if n := len(s.gaps); n > 0 && s.gaps[n-1].to == s.next {
		s.gaps[n-1].to = upTo
	} else {
		s.gaps = append(s.gaps, gap{s.next, upTo})
	}
	for ; s.next < upTo; s.next++ {
		accept(s.next, nil)
	}
}

// fill takes an index out of the gaps, where it is in one.
func (s *sequence) fill(i int64) bool {
	k, found := slices.BinarySearchFunc(s.gaps, i, func(g gap, i int64) int {
		switch {
		case g.to <= i:
			return -1
		case g.from > i:
			return 1
		}
		return 0
	})
	if !found {
		return false
	}
	g, rest := s.gaps[k], make([]gap, 0, 2)
	if g.from < i {
		rest = append(rest, gap{g.from, i})
	}
	if i+1 < g.to {
		rest = append(rest, gap{i + 1, g.to})
	}
	s.gaps = slices.Replace(s.gaps, k, k+1, rest...)
	return true
}

// settle says what it comes to. Of what is behind size nothing was signed.
func (s *sequence) settle(r *Report, size int64) {
	s.flush(func(int64, *seen) {})
	var left []int
	for i, l := range s.strays {
		switch {
		case l.authentic && s.fill(l.claimed):
			r.find(Reordered, l.claimed, l.claimed+1, l.id, "it does not stand at its place")
		case l.authentic:
			r.find(Inserted, l.claimed, l.claimed+1, l.id, "it stands there again, where it never was")
		default:
			left = append(left, i)
		}
	}
	for _, i := range left {
		l, at := s.strays[i], s.at[i]
		switch {
		case l.claimed >= 0 && s.fill(l.claimed):
			r.find(Changed, l.claimed, l.claimed+1, l.id, "it is not what was written")
		case s.fill(at):
			r.find(Changed, at, at+1, l.id, "it is not what was written")
		default:
			r.find(Inserted, at, at+1, l.id, "what stands before it was not written by this gateway")
		}
	}
	r.More += s.more
	for _, g := range s.gaps {
		r.find(Removed, g.from, g.to, "", "missing")
	}
	if s.next < size {
		r.find(Removed, s.next, size, "", "missing at the end")
	}
}

package session

import "time"

// term is when what waits in the store ends, inside its seal: the store's own time is in the hands of whoever runs it, who can keep a value and put it back.
type term struct {
	Until time.Time `json:"u"`
}

func (t *term) lasts(until time.Time) { t.Until = until }

func (t *term) over(now time.Time) bool { return !now.Before(t.Until) }

// termOrNone is the term of what gateways up to v0.9.0 sealed without one. In a rolling upgrade a login that begins at one of them must end at any, so
// theirs are good for as long as the store has them: one put back opens, as it did there, and is of as little worth (docs/security.md, "Old values in Redis").
// No login of v0.9.0 is under way beside the release after this one: then it goes, and what has no end is over.
type termOrNone struct{ term }

func (t *termOrNone) over(now time.Time) bool { return !t.Until.IsZero() && t.term.over(now) }

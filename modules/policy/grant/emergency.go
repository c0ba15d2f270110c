package grant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/convosphere/gateway/modules/internal/database"
)

// BreakGlass is the relation of a person to a session of theirs (SessionObject) that has emergency access. It always ends.
const BreakGlass = "break-glass"

// sessionKind is the type of objects that are sessions.
const sessionKind = "session"

// SessionObject is a session as the object of a grant.
func SessionObject(session string) string { return sessionKind + ":" + session }

// maxSessions that have emergency access at a time and are known by heart; with more of them, each session is looked up.
const maxSessions = 10_000

// emergencies knows the sessions on which anything may be granted, so that all others cost a decision nothing.
type emergencies struct {
	known   atomic.Pointer[map[string]struct{}] // never written to; nil: not known
	version atomic.Uint64                       // of emergencies beginning and ending
	end     deadline                            // of the first that a decision was made by

	mu    sync.Mutex
	noted map[string]struct{} // what changed since the last load began
}

// note takes a change of an object, which may be a session.
func (e *emergencies) note(object string) {
	id, ok := strings.CutPrefix(object, sessionKind+":")
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.version.Add(1) // at the end: whoever sees the new version sees the news
	if e.noted == nil {
		e.noted = map[string]struct{}{}
	}
	e.noted[id] = struct{}{}
	if known := e.known.Load(); known != nil {
		next := maps.Clone(*known)
		next[id] = struct{}{}
		e.keep(next)
	}
}

func (e *emergencies) keep(sessions map[string]struct{}) {
	if len(sessions) > maxSessions {
		e.known.Store(nil)
		return
	}
	e.known.Store(&sessions)
}

// loadEmergencies reads which sessions there are. What changes while it reads is added.
func (s *Store) loadEmergencies(ctx context.Context) error {
	e := &s.emergencies
	e.mu.Lock()
	e.noted = nil
	e.mu.Unlock()
	rows, err := s.db.Query(ctx, `SELECT object FROM grants WHERE expires <> 0 AND expires > ? AND kind = ? LIMIT ?`, database.Micros(s.now()), sessionKind, maxSessions+1)
	if err != nil {
		return fmt.Errorf("reading emergencies: %w", err)
	}
	defer rows.Close()
	sessions := map[string]struct{}{}
	for rows.Next() {
		var object string
		if err := rows.Scan(&object); err != nil {
			return fmt.Errorf("reading emergencies: %w", err)
		}
		sessions[strings.TrimPrefix(object, sessionKind+":")] = struct{}{}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading emergencies: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.Copy(sessions, e.noted)
	e.keep(sessions)
	return nil
}

// Emergency tells whether the subject has emergency access in that session. Fail closed: where that can't be told, they have none.
func (s *Store) Emergency(ctx context.Context, subject, session string) bool {
	if session == "" || !IsPerson(subject) || !s.trusted() {
		return false
	}
	if known := s.emergencies.known.Load(); known != nil {
		if _, ok := (*known)[session]; !ok {
			return false
		}
	}
	object := SessionObject(session)
	f, err := s.find(ctx, object, subject)
	if err != nil {
		return false
	}
	if f.until != 0 {
		s.emergencies.end.set(f.until)
	}
	return slices.Contains(f.relations(subject), BreakGlass)
}

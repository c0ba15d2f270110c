package main

import (
	"fmt"
	"regexp"
	"sync"
)

// record is what became of one message, as its sender knows it.
type record struct {
	room    string
	id      string // of the chat, once it was acknowledged
	deleted bool   // that was acknowledged, too
	doubt   bool   // asked to be deleted, and no answer
}

// ledger knows every message that was sent, by the mark in its text.
type ledger struct {
	mu   sync.Mutex
	sent map[string]*record
	next int

	acknowledged, bySocket int
}

func newLedger() *ledger { return &ledger{sent: map[string]*record{}} }

// begin makes the mark of a message that is about to be sent.
func (l *ledger) begin(room string) (mark string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	mark = fmt.Sprintf("m%08d", l.next)
	l.sent[mark] = &record{room: room}
	return mark
}

func (l *ledger) acked(mark, id string, socket bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[mark].id = id
	l.acknowledged++
	if socket {
		l.bySocket++
	}
}

// gone notes a deletion, or that nobody knows.
func (l *ledger) gone(mark string, sure bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[mark].deleted, l.sent[mark].doubt = sure, !sure
}

var markIn = regexp.MustCompile(`\bm[0-9]{8}\b`)

// found is a message that the chat has.
type found struct{ room, id, text string }

// audit is what the chat has of what was sent.
type audit struct {
	sent, acknowledged, bySocket int

	present, deleted int
	unanswered       int // sent, never acknowledged
	stored           int // and yet there, of these
	lost             []string
	doubled          []string
	undead           []string // deleted, and there
	foreign          []string // never sent
}

func (a audit) faults() (all []string) {
	for what, list := range map[string][]string{"acknowledged and lost": a.lost, "there twice": a.doubled, "deleted and still there": a.undead, "there and never sent": a.foreign} {
		if len(list) > 0 {
			all = append(all, fmt.Sprintf("%d messages are %s: %.300q", len(list), what, list))
		}
	}
	return all
}

// compare holds what was sent against what is there.
func (l *ledger) compare(there []found) audit {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := audit{sent: len(l.sent), acknowledged: l.acknowledged, bySocket: l.bySocket}
	seen := map[string][]found{}
	for _, f := range there {
		mark := markIn.FindString(f.text)
		if l.sent[mark] == nil || l.sent[mark].room != f.room {
			a.foreign = append(a.foreign, f.room+" "+f.id)
			continue
		}
		seen[mark] = append(seen[mark], f)
	}
	for mark, r := range l.sent {
		a.judge(mark, r, seen[mark])
	}
	return a
}

func (a *audit) judge(mark string, r *record, there []found) {
	switch {
	case len(there) > 1:
		a.doubled = append(a.doubled, mark)
	case r.id == "":
		a.unanswered++
		a.stored += len(there)
	case r.deleted && len(there) == 1:
		a.undead = append(a.undead, mark)
	case r.deleted || r.doubt && len(there) == 0:
		a.deleted++
	case len(there) == 0 || there[0].id != r.id:
		a.lost = append(a.lost, mark)
	default:
		a.present++
	}
}

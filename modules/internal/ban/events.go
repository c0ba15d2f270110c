package ban

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
)

const category = "intrusion_detection"

// emit records what became of a prefix. What people wrote as the reason of a ban is not told: it may be of a person.
func (b *Book) emit(action, outcome, reason string, p netip.Prefix, source string, more ...zap.Field) {
	e := &event.Event{Category: category, Action: action, Outcome: outcome, Reason: reason, Fields: append([]zap.Field{
		zap.String("gateway.ban.prefix", p.String()), zap.String("gateway.ban.source", source),
	}, more...)}
	if p.IsSingleIP() {
		e.SourceIP = p.Addr().String()
	}
	b.events.Emit(e)
}

func (b *Book) tellAdded(ban Ban, times int) {
	fields := []zap.Field{zap.Int("gateway.ban.times", times)}
	if !ban.Expires.IsZero() {
		fields = append(fields, zap.String("gateway.ban.expires", ban.Expires.UTC().Format(time.RFC3339)))
	}
	b.emit("ban-added", event.Success, "a client was banned", ban.Prefix, ban.Source, fields...)
}

// Refused records that a client was turned away.
func (l *List) Refused(b Ban) {
	if l.book.refusals.note(b) {
		l.book.tellRefused(b.Prefix, b.Source, 1)
	}
}

func (b *Book) tellRefused(p netip.Prefix, source string, count int64) {
	b.emit("banned-client-refused", event.Failure, "the client is banned", p, source, zap.Int64("gateway.ban.refused", count))
}

// tellStale says that changes of bans are not heard of any more, or are again.
func (b *Book) tellStale(stale bool) {
	e := &event.Event{Category: "configuration", Action: "bans-stale", Outcome: event.Failure, Reason: "the database can't be asked: bans are those that were known"}
	if !stale {
		e.Action, e.Outcome, e.Reason = "bans-fresh", event.Success, "bans are read from the database again"
	}
	b.events.Emit(e)
}

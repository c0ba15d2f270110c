package policy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// mostGrantEvents is how many changes of one request are told one by one; of more, how many there were.
const mostGrantEvents = 20

// accountIDs gives the accounts of the names that are granted something, or that something is taken from. Events tell of people by these.
func (a *App) accountIDs(ctx context.Context, lists ...[]grant.Grant) (map[string]string, error) {
	ids := map[string]string{}
	var names []any
	for _, list := range lists {
		for _, g := range list {
			if _, seen := ids[g.Subject]; !seen && isLocal(g) {
				ids[g.Subject] = ""
				names = append(names, g.Subject)
			}
		}
	}
	if len(names) == 0 {
		return ids, nil
	}
	rows, err := a.ground.DB.Query(ctx, `SELECT username, id FROM accounts WHERE username IN (`+strings.Repeat(", ?", len(names))[2:]+`)`, names...)
	if err != nil {
		return nil, fmt.Errorf("looking up accounts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, id string
		if err := rows.Scan(&name, &id); err != nil {
			return nil, fmt.Errorf("looking up accounts: %w", err)
		}
		ids[name] = id
	}
	return ids, rows.Err()
}

const (
	byAdminAPI = "by the admin API"
	byOperator = "by an operator"
)

// addressOf is where a request of the admin API came from.
func addressOf(r *http.Request) string {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "" // a Unix socket has no address
	}
	return from
}

// tellOfGrants emits what an operator changed.
func (a *App) tellOfGrants(how, from string, ids map[string]string, add, remove []grant.Grant) {
	if len(add)+len(remove) > mostGrantEvents {
		a.ground.Events.Emit(&event.Event{
			Category: "iam", Action: "grants-changed", Outcome: event.Success, Reason: how, SourceIP: from,
			Fields: []zap.Field{zap.Int("gateway.grants.added", len(add)), zap.Int("gateway.grants.removed", len(remove))},
		})
		return
	}
	tell := func(action string, g grant.Grant) {
		e := &event.Event{
			Category: "iam", Action: action, Outcome: event.Success, Reason: how, SourceIP: from, UserID: ids[g.Subject],
			Fields: []zap.Field{zap.String("gateway.grant.subject", kindOfSubject(g)), zap.String("gateway.grant.object", event.Cut(g.Object, 256))},
		}
		if g.Relation != "" {
			e.Fields = append(e.Fields, zap.String("gateway.grant.relation", g.Relation))
		}
		if !g.Expires.IsZero() {
			e.Fields = append(e.Fields, zap.Time("gateway.grant.expires", g.Expires))
		}
		a.ground.Events.Emit(e)
	}
	for _, g := range remove {
		tell("grant-removed", g)
	}
	for _, g := range add {
		tell("grant-added", g)
	}
}

// kindOfSubject says who a grant is about, without a name.
func kindOfSubject(g grant.Grant) string {
	switch {
	case g.Subject == "":
		return "anyone"
	case g.Subject == grant.Everyone:
		return "everyone"
	case g.Relation == grant.Parent, strings.Contains(g.Subject, ":"):
		return "object"
	case strings.Contains(g.Subject, "@"):
		return "foreign"
	}
	return "account"
}

// fullEvery bounds how often it is told that grants are full: each refused request tells of itself.
const fullEvery = time.Minute

// tellOfFull emits that a grant was refused because there are too many.
func (a *App) tellOfFull(err error) {
	now, last := time.Now().UnixNano(), a.toldFull.Load()
	if now-last < int64(fullEvery) && last != 0 || !a.toldFull.CompareAndSwap(last, now) {
		return
	}
	e := &event.Event{Category: "iam", Action: "grants-full", Outcome: event.Failure, Reason: "there are as many grants as may be"}
	var full *grant.FullError
	if errors.As(err, &full) {
		e.Fields = append(e.Fields, zap.Int("gateway.grants.limit", full.Limit))
		if full.Object != "" {
			e.Fields = append(e.Fields, zap.String("gateway.grant.object", event.Cut(full.Object, 256)))
		}
	}
	a.ground.Events.Emit(e)
}

package gateway

import (
	"context"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// tellRows makes an event of what became of rows of the database: who changed which, after it is committed. It never waits: the bus takes events or
// counts what it drops.
func tellRows(g *ground.Ground) func(context.Context, []database.Rows) {
	return func(ctx context.Context, rows []database.Rows) {
		actor := database.Actor(ctx)
		var request, user string
		if rc := reqctx.From(ctx); rc != nil && actor == "" {
			request, actor = rc.ID, "client" // whom nobody knows yet, as while they log in
			if id := rc.Identity; id != nil && id.Subject != "" {
				user, actor = id.Subject, id.Kind
			}
		}
		if actor == "" {
			actor = "system" // what the gateway does by itself
		}
		for _, r := range rows {
			g.Events.Emit(&event.Event{
				Category: "database", Action: "rows-changed", Outcome: event.Success, RequestID: request, UserID: user,
				Fields: []zap.Field{
					zap.String("gateway.database.table", r.Table), zap.String("gateway.database.operation", r.Operation),
					zap.Strings("gateway.database.keys", r.Keys), zap.Int64("gateway.database.rows", r.Count), zap.String("gateway.database.actor", actor),
				},
			})
		}
	}
}

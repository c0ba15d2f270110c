package gateway

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
)

const mostDrilled = 4 << 10 // bytes of what is told of a drill

// serveDrilled puts on record that somebody has tried a backup: what `convosphere backup drill` found. It is their word.
func (a *App) serveDrilled(w http.ResponseWriter, r *http.Request) error {
	var in drilledJSON
	if err := readJSON(w, r, mostDrilled, &in); err != nil {
		return err
	}
	if in.Seconds < 0 || in.Rows < 0 || in.Size < 0 || in.Created.After(time.Now().Add(24*time.Hour)) {
		return host.BadRequest(errors.New("no drill has such figures"))
	}
	e := &event.Event{Category: "configuration", Action: "backup-drilled", Outcome: event.Success, UserID: operator.ID, Fields: []zap.Field{
		zap.Time("gateway.backup.created", in.Created), zap.Int64("gateway.backup.rows", in.Rows), zap.Int64("gateway.backup.size", in.Size),
		zap.Float64("gateway.backup.seconds", in.Seconds),
	}}
	if !in.Good {
		e.Outcome, e.Reason = event.Failure, "the backup could not be restored"
	}
	a.ground.Events.Emit(e)
	return host.AnswerJSON(w, map[string]bool{"recorded": true})
}

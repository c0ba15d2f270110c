package audit

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// prepareToEnd does what a request needs where the process ends, or will: a socket is noted, to be told to go, and refused once others are being told. A plain
// answer ends its connection (over HTTP/2 by GOAWAY), so that the next one is made to a gateway that stays.
func (h *Handler) prepareToEnd(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (refused bool) {
	if h.ground == nil {
		return false
	}
	upgrading := wsframe.Upgrading(r)
	if !caddy.Exiting() {
		if upgrading {
			rc.Join = h.ground.Drain.Join
		}
		return false
	}
	if !upgrading {
		w.Header().Set("Connection", "close")
		return false
	}
	rc.Join = h.ground.Drain.Join
	return h.ground.Drain.Refuses()
}

// refuseSocket turns a socket away from a gateway that ends. Clients come back after different times.
func refuseSocket(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Connection", "close")
	problem.Write(w, r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Duration(1+rand.IntN(5)) * time.Second})
	return nil
}

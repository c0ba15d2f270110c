package audit

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/drain"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// A socket is noted where the gateway drains, and a plain request is not. (That the process ends is told by Caddy, once and for all: what happens then, test/e2e shows.)
func TestSocketsCanBeToldToGo(t *testing.T) {
	bus, err := event.Open(event.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	h := &Handler{ground: ground.New(&ground.Ground{Events: bus, Drain: drain.New()}, func() {}), logger: zap.NewNop()}
	for _, socket := range []bool{true, false} {
		r := httptest.NewRequest("GET", "/ws", nil)
		if socket {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
		}
		w := httptest.NewRecorder()
		err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if noted := reqctx.From(r.Context()).Join != nil; noted != socket {
				t.Errorf("noted: %v, a socket: %v", noted, socket)
			}
			return nil
		}))
		if err != nil || w.Header().Get("Connection") != "" {
			t.Error(err, w.Header())
		}
	}
}

func TestARefusedSocketIsToldWhenToComeBack(t *testing.T) {
	w := httptest.NewRecorder()
	if err := refuseSocket(w, httptest.NewRequest("GET", "/ws", nil)); err != nil {
		t.Fatal(err)
	}
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Connection") != "close" {
		t.Error(w.Code, w.Header())
	}
}

package authorize

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/policies"
)

// engineOnly decides by the shipped policy, without a database.
type engineOnly struct {
	counting
	engine *engine.Engine
}

func (p *engineOnly) Decide(ctx context.Context, in *engine.Input) engine.Decision {
	filled := *in
	filled.Relations = []string{"member", "viewer"}
	d, _ := p.engine.Decide(ctx, &filled)
	return d
}

// BenchmarkServeHTTP is what the handler adds to a request, the decision included.
func BenchmarkServeHTTP(b *testing.B) {
	src, err := engine.Load(policies.FS)
	if err != nil {
		b.Fatal(err)
	}
	snapshot, err := engine.Compile(context.Background(), src)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := keyring.Open(filepath.Join(b.TempDir(), "keys"))
	if err != nil {
		b.Fatal(err)
	}
	h := chatRoutes(b)
	g := ground.New(&ground.Ground{Keys: keys}, func() {})
	if err := h.setup(g, &engineOnly{engine: engine.New(snapshot, 0, time.Now)}, zap.NewNop(), time.Now); err != nil {
		b.Fatal(err)
	}
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r, rc := reqctx.Ensure(httptest.NewRequest("GET", "/api/rooms/general/messages", nil))
	rc.Identity = &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}, Session: "s", Methods: []string{"pwd"}, AuthTime: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeHTTP(httptest.NewRecorder(), r, next); err != nil || !rc.Decision.Allow {
			b.Fatal(err, rc.Decision)
		}
	}
}

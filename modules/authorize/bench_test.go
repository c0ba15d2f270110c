package authorize

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/classify"
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

// Filter gives the person one room in ten.
func (p *engineOnly) Fields() *classify.Table { return p.engine.Snapshot().Fields() }

func (p *engineOnly) Filter(_ context.Context, in *engine.Input) (func(context.Context, *engine.Input) engine.Decision, func()) {
	f := p.engine.Filter(in, func(_ context.Context, el *engine.Element, _ engine.Needs) error {
		if strings.HasSuffix(el.Resource.ID, "0") {
			el.Relations = []string{"member"}
		}
		return nil
	})
	return func(ctx context.Context, in *engine.Input) engine.Decision {
		d, _ := f.Decide(ctx, engine.Element{Resource: in.Resource})
		return d
	}, func() {}
}

// shippedHandler has the chat's routes and the shipped policy.
func shippedHandler(b *testing.B) *Handler {
	b.Helper()
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
	return h
}

func requestFor(path string) (*http.Request, *reqctx.Request) {
	r, rc := reqctx.Ensure(httptest.NewRequest("GET", path, nil))
	rc.Identity = &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}, Session: "s", Methods: []string{"pwd"}, AuthTime: time.Now()}
	return r, rc
}

// BenchmarkServeHTTP is what the handler adds to a request, the decision included.
func BenchmarkServeHTTP(b *testing.B) {
	h := shippedHandler(b)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r, rc := requestFor("/api/rooms/general/messages")
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeHTTP(httptest.NewRecorder(), r, next); err != nil || !rc.Decision.Allow {
			b.Fatal(err, rc.Decision)
		}
	}
}

// BenchmarkList10000 is what the handler adds to an answer with ten thousand rooms, one in ten of which stays.
func BenchmarkList10000(b *testing.B) {
	h := shippedHandler(b)
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf(`{"id":"room-%d","name":"Room %d","visibility":"public","created_by":"ursula","created_at":"2026-01-01T00:00:00Z"}`, i, i))
	}
	body := []byte(`{"rooms":[` + strings.Join(list, ",") + `]}`)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		for rest := body; len(rest) > 0; { // as a proxy copies
			n := min(32<<10, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
	r, _ := requestFor("/api/rooms")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, next); err != nil || strings.Count(w.Body.String(), `"id"`) != 1000 {
			b.Fatal(err, w.Code, w.Body.Len())
		}
	}
}

// BenchmarkMasks is what masking a list of 50 messages takes, by method.
func BenchmarkMasks(b *testing.B) {
	var list bytes.Buffer
	list.WriteString(`{"messages":[`)
	for i := range 50 {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"id":"01JD%022d","author":"anna@example.org","text":%q,"at":"2026-11-27T00:00:00Z"}`, i, strings.Repeat("Nothing of it. ", 20))
	}
	list.WriteString(`]}`)
	m := &masks{key: func() []byte { return []byte("key") }}
	for _, mask := range []string{"/messages/*/author", "drop:/messages/*/author", "mail:/messages/*/author", "hash:/messages/*/author", "token:/messages/*/author", "truncate(0,4):/messages/*/text"} {
		found, err := m.of([]string{mask})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(mask, func(b *testing.B) {
			b.SetBytes(int64(list.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := found.Apply(list.Bytes()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package policy

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant/granttest"
	"github.com/convosphere/gateway/policies"
)

// forgetful is the shipped policy with a function that nobody calls but for which nothing is remembered: it reads the clock.
func forgetful(t testing.TB) (folder string) {
	t.Helper()
	folder = t.TempDir()
	err := os.CopyFS(folder, policies.FS)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "forgetful.rego"), []byte("package forgetful\n\nverified := io.jwt.decode_verify(\"\", {})\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// BenchmarkDecideMillion asks the shipped policy about rooms and people taken at random, of a million grants on 10,000 rooms: what was granted looked up, and all
// else that a decision is; the event of it at last.
func BenchmarkDecideMillion(b *testing.B) {
	b.Run("fresh", func(b *testing.B) { decideMillion(b, `{"decisions": "off", "folder": "`+forgetful(b)+`"}`, false) })
	b.Run("remembered", func(b *testing.B) { decideMillion(b, `{"decisions": "off"}`, true) })
	b.Run("remembered and told", func(b *testing.B) { decideMillion(b, `{}`, true) })
}

func decideMillion(b *testing.B, policy string, steady bool) {
	a := start(b, policy)
	if err := granttest.Fill(context.Background(), a.ground.DB, granttest.Rooms); err != nil {
		b.Fatal(err)
	}
	inputs := millionInputs()
	for _, in := range inputs { // so that all is in memory that fits
		if d := a.Decide(context.Background(), in); !d.Allow || d.Steady != steady {
			b.Fatalf("%+v", d)
		}
	}
	b.ReportAllocs()
	took := make([]time.Duration, 0, 1<<20)
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		if d := a.Decide(context.Background(), inputs[i%len(inputs)]); !d.Allow {
			b.Fatalf("%+v", d)
		}
		if len(took) < cap(took) {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-µs")
}

// millionInputs are members of rooms who post a message.
func millionInputs() []*engine.Input {
	inputs := make([]*engine.Input, 4096)
	for i := range inputs {
		room := rand.IntN(granttest.Rooms)
		_, id, _ := strings.Cut(granttest.Room(room), ":")
		who := person(granttest.Person(granttest.Member(room, 2+i%90)), "user")
		who.Methods, who.AuthTime, who.ACR, who.Session = []string{"pwd"}, time.Now(), reqctx.ACRSingle, "s"
		inputs[i] = &engine.Input{
			Method: "POST", Path: "/api/rooms/" + id + "/messages", Route: "POST /api/rooms/{room}/messages", Host: "chat.example.com",
			Permission: "message:post", Identity: who, Resource: engine.Object{Type: "room", ID: id},
		}
	}
	return inputs
}

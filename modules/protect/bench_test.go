package protect

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/protect/record"
)

// benchHandler has the routes of a chat, and keys in a database.
func benchHandler(b testing.TB) *Handler {
	b.Helper()
	g := newGround(b, b.TempDir())
	table, err := tableOf(listFields)
	if err != nil {
		b.Fatal(err)
	}
	h := &Handler{logger: zap.NewNop(), Routes: []Route{
		{Methods: []string{"POST"}, Path: "/rooms/{room}/messages", Records: []record.Spec{{Type: "message", KeySet: "room/{room}", Mint: "id"}}},
		{Methods: []string{"GET"}, Path: "/rooms/{room}/messages", Records: []record.Spec{{Type: "message", Pointer: "/messages/*", KeySet: "room/{room}"}}},
	}}
	if err := h.setup(g, g.DataKeys, &testPolicy{table: table}); err != nil {
		b.Fatal(err)
	}
	return h
}

func decided(method, path, body string) *http.Request {
	r, rc := reqctx.Ensure(httptest.NewRequest(method, path, strings.NewReader(body)))
	rc.Decision = &reqctx.Decision{Allow: true}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

var message300 = fmt.Sprintf(`{"text":%q}`, strings.Repeat("It was a bright cold day in April. ", 9)[:288])

// answerWith is a back end.
func answerWith(body []byte) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, err := w.Write(body)
		return err
	})
}

// BenchmarkMessage is what the handler adds to a message of 300 bytes that is posted: encrypted on its way in, and decrypted in what acknowledges it.
func BenchmarkMessage(b *testing.B) {
	h := benchHandler(b)
	var stored []byte
	keep := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) (err error) {
		stored, err = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
		return err
	})
	if err := h.ServeHTTP(httptest.NewRecorder(), decided("POST", "/rooms/general/messages", message300), keep); err != nil || !bytes.Contains(stored, []byte("enc:v1:")) {
		b.Fatal(err, string(stored))
	}
	next := answerWith(stored)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, decided("POST", "/rooms/general/messages", message300), next); err != nil || w.Code != 200 {
			b.Fatal(err, w.Code, w.Body)
		}
	}
}

// BenchmarkNothing is the same without encryption: what the measuring itself costs.
func BenchmarkNothing(b *testing.B) {
	next := answerWith([]byte(message300))
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if err := next.(caddyhttp.HandlerFunc).ServeHTTP(w, decided("POST", "/rooms/general/messages", message300)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList50 is what the handler adds to an answer of 50 such messages.
func BenchmarkList50(b *testing.B) {
	h := benchHandler(b)
	env := h.env(func(string) (string, bool) { return "general", true })
	plan := h.router
	at, err := plan.Find("POST", []string{"rooms", "general", "messages"})
	if err != nil {
		b.Fatal(err)
	}
	seal := h.planner.plans().of(at, nil, "POST", []string{"rooms", "general", "messages"}).seal
	var list []string
	for range 50 {
		out, _, err := seal.Seal(b.Context(), env, []byte(message300))
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, strings.TrimSuffix(string(out), "}")+`,"room":"general","author":"ursula","at":"2026-01-01T00:00:00.123Z"}`)
	}
	body := []byte(`{"messages":[` + strings.Join(list, ",") + `]}`)
	next := answerWith(body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, decided("GET", "/rooms/general/messages", ""), next); err != nil || w.Code != 200 {
			b.Fatal(err, w.Code, w.Body)
		}
	}
}

// BenchmarkElsewhere is what it adds to a request that has nothing to protect: 1 KiB of JSON is looked at for tokens.
func BenchmarkElsewhere(b *testing.B) {
	h := benchHandler(b)
	body := `{"a":"` + strings.Repeat("It was a bright cold day in April. ", 30)[:1000] + `"}`
	next := answerWith([]byte("{}"))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeHTTP(httptest.NewRecorder(), decided("POST", "/elsewhere", body), next); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSeal is the encryption of the message alone, its JSON read and written; BenchmarkOpen the other way.
func BenchmarkSeal(b *testing.B) {
	env, seal, _ := documents(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := seal.Seal(b.Context(), env, []byte(message300)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	env, seal, open := documents(b)
	sealed, _, err := seal.Seal(b.Context(), env, []byte(message300))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := open.Open(b.Context(), env, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func documents(b *testing.B) (env *record.Env, seal, open *record.Plan) {
	b.Helper()
	h := benchHandler(b)
	segs := []string{"rooms", "general", "messages"}
	at, err := h.router.Find("POST", segs)
	if err != nil {
		b.Fatal(err)
	}
	p := h.planner.plans().of(at, nil, "POST", segs)
	return h.env(at.vars(segs)), p.seal, p.open
}

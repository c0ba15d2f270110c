package audit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Who scrapes by a socket that stays open is seen while it is open, and the parts add up to the whole.
func TestAnOpenSocketIsToldOf(t *testing.T) {
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{ground: ground.New(&ground.Ground{Events: bus}, func() {}), logger: zap.NewNop()}
	var late func(reqctx.Socket)
	err = h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "https://h.example/ws", nil), next(func(_ http.ResponseWriter, r *http.Request) {
		rc := reqctx.From(r.Context())
		rc.Identity = &reqctx.Identity{Subject: "s1", Session: "x", Device: "D1"}
		late = rc.Activity.Tell
		late(reqctx.Socket{MessagesIn: 3, BytesIn: 30, MessagesOut: 500, BytesOut: 5000})
		late(reqctx.Socket{MessagesIn: 4, BytesIn: 40, MessagesOut: 500, BytesOut: 5000, Refused: 2})
		rc.Socket = &reqctx.Socket{MessagesIn: 4, BytesIn: 40, MessagesOut: 507, BytesOut: 5070, Refused: 2, CloseCode: 1001}
	}))
	if err != nil {
		t.Fatal(err)
	}
	late(reqctx.Socket{MessagesIn: 100}) // a timer that was on its way when the socket ended
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var got [][4]float64
	var in, out float64
	for line := range strings.Lines(string(raw)) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e["user.id"] != "s1" || e["gateway.device"] != "D1" || e["url.path"] != "/ws" || e["http.request.id"] == nil {
			t.Errorf("%s", line)
		}
		n := func(k string) float64 { v, _ := e["gateway.socket."+k].(float64); return v }
		switch e["event.action"] {
		case "socket-activity":
			got = append(got, [4]float64{n("messages_in"), n("messages_out"), n("bytes_out"), n("refused")})
			in, out = in+n("messages_in"), out+n("messages_out")
			if (e["event.outcome"] == "failure") != (n("refused") > 0) {
				t.Errorf("%s", line)
			}
		case "websocket":
			if n("messages_in") != in || n("messages_out") != out || n("refused") != 2 {
				t.Errorf("the parts are %v and %v of %s", in, out, line)
			}
		}
	}
	want := [][4]float64{{3, 500, 5000, 0}, {1, 0, 0, 2}, {0, 7, 70, 0}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%v, want %v", got, want)
	}
}

type next func(http.ResponseWriter, *http.Request)

func (f next) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	f(w, r)
	return nil
}

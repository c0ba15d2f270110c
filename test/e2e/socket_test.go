package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// The chat's socket over HTTP/2 (extended CONNECT, as browsers open it where it is offered) and over HTTP/3 goes the same way as over
// HTTP/1.1: who isn't allowed doesn't get it, every message is decided, it ends with its session, and it is recorded.
func TestSocketOverEveryVersion(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		room := s.as(t, "petra").NewRoom(t, "Not for ursula, "+s.name, "private").ID
		peer := s.b.Client(t).Login(t, s.users["petra"]).Socket(t).Join(t, "general")
		for _, version := range []int{2, 3} {
			t.Run(fmt.Sprintf("HTTP/%d", version), func(t *testing.T) {
				over := func(c *kit.Client) *kit.Client { return c.Over(version) }
				ursula := s.a.Client(t).Login(t, s.users["ursula"])

				t.Run("chat", func(t *testing.T) {
					sock := over(ursula).Socket(t).Join(t, "general")
					text := fmt.Sprintf("hello over %d, %s", version, s.name)
					sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": text})
					sock.Expect(t, "ack", func(f kit.Frame) bool { return f.Str("type") == "ack" && f.Message().Str("text") == text })
					if got := peer.ExpectText(t, text).Message().Str("author"); got != "ursula" {
						t.Errorf("the author is %q", got)
					}
					peer.Send(t, kit.Frame{"type": "message", "room": "general", "text": "back: " + text})
					sock.ExpectText(t, "back: "+text)
					sock.Close()
				})
				t.Run("refused message", func(t *testing.T) {
					sock := over(ursula).Socket(t)
					sock.Send(t, kit.Frame{"type": "join", "room": room})
					sock.WantClosed(t, websocket.StatusPolicyViolation, 5*time.Second)
				})
				t.Run("too large", func(t *testing.T) {
					sock := over(ursula).Socket(t).Join(t, "general")
					sock.Write(t, websocket.MessageText, []byte(`{"type":"message","room":"general","text":"`+strings.Repeat("x", 70<<10)+`"}`))
					sock.WantClosed(t, websocket.StatusMessageTooBig, 5*time.Second)
				})
				for what, c := range map[string]struct {
					opt    kit.Opt
					status int
				}{
					"of nobody":       {kit.Bare(), http.StatusUnauthorized},
					"with a bad one":  {kit.With("Authorization", "Bearer forged"), http.StatusUnauthorized},
					"of another site": {kit.With("Origin", "https://evil.example"), http.StatusForbidden},
				} {
					t.Run(what, func(t *testing.T) {
						sock, res := over(ursula).Dial(t, c.opt)
						if sock != nil || res.StatusCode != c.status {
							t.Errorf("answers %d, want %d", res.StatusCode, c.status)
						}
					})
				}
				t.Run("ends with its session", func(t *testing.T) {
					sock := over(ursula).Socket(t).Join(t, "general")
					silent := over(ursula).Socket(t)
					ursula.Logout(t)
					sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
					silent.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
				})
			})
		}
		recorded := 0
		for _, e := range s.a.Events(t) {
			if e.Str("event.action") != "websocket" {
				continue
			}
			recorded++
			if e.Str("http.request.method") != "GET" || e["http.response.status_code"] != 101. || e.Str("url.path") != "/api/ws" {
				t.Errorf("recorded as %v", e)
			}
		}
		if recorded < 8 {
			t.Errorf("%d sockets are recorded", recorded)
		}
	})
}

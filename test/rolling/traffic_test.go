package rolling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// ledger is what clients saw.
type ledger struct {
	mu         sync.Mutex
	gets       int
	sent       map[string]string // messages that somebody wanted to post, by text: how
	acked      map[string]bool   // those that were answered 201, or acknowledged on a socket
	again      int               // messages sent again, since their socket ended before they had an answer
	turnedAway int               // handshakes answered 503 with Retry-After: come back
	opened     int               // sockets
	closes     map[int]int       // close codes that the gateways ended sockets with
	wrong      []string          // what never should be
}

func newLedger() *ledger {
	return &ledger{sent: map[string]string{}, acked: map[string]bool{}, closes: map[int]int{}}
}

func (l *ledger) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *ledger) fault(format string, args ...any) {
	l.note(func() { l.wrong = append(l.wrong, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...)) })
}

// pause waits, and tells whether the test goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// read asks for messages until the end.
func read(ctx context.Context, c *kit.Client, room string, l *ledger) {
	for pause(ctx, 100*time.Millisecond) {
		a, err := c.Try("GET", kit.RoomPath(room, "messages")+"?limit=5", nil)
		switch {
		case err != nil:
			l.fault("GET: %v", err)
		case a.Status != http.StatusOK:
			l.fault("GET: %d %.200s", a.Status, a.Body)
		default:
			l.note(func() { l.gets++ })
		}
	}
}

// post posts messages until the end, each once.
func post(ctx context.Context, c *kit.Client, room, who string, l *ledger) {
	for i := 0; pause(ctx, 100*time.Millisecond); i++ {
		text := fmt.Sprintf("post %s %d", who, i)
		l.note(func() { l.sent[text] = "POST" })
		a, err := c.Try("POST", kit.RoomPath(room, "messages"), map[string]string{"text": text})
		switch {
		case err != nil:
			l.fault("POST: %v", err)
		case a.Status != http.StatusCreated:
			l.fault("POST: %d %.200s", a.Status, a.Body)
		default:
			l.note(func() { l.acked[text] = true })
		}
	}
}

// talk keeps a socket open, sends messages on it and waits for the acknowledgement of each. What had none when the socket ended it sends again on the next.
func talk(ctx context.Context, c *kit.Client, room, who string, l *ledger) {
	waiting, n := "", 0
	for ctx.Err() == nil {
		conn := open(ctx, c, l)
		if conn == nil {
			continue
		}
		if waiting != "" {
			l.note(func() { l.again++ })
		}
		err := converse(ctx, conn, room, func() string {
			if waiting == "" {
				waiting = fmt.Sprintf("socket %s %d", who, n)
				n++
				l.note(func() { l.sent[waiting] = "socket" })
			}
			return waiting
		}, func(text string) {
			l.note(func() { l.acked[text] = true })
			waiting = ""
		})
		conn.CloseNow()
		if ctx.Err() != nil {
			return
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) {
			l.fault("a socket ended without a close frame: %v", err)
			continue
		}
		l.note(func() { l.closes[int(closed.Code)]++ })
		if closed.Code != websocket.StatusGoingAway {
			l.fault("a socket was closed with %d %s", closed.Code, closed.Reason)
		}
	}
}

// open opens a socket; nil where there is none yet.
func open(ctx context.Context, c *kit.Client, l *ledger) *websocket.Conn {
	dial, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := *c.HTTP
	client.Timeout = 0 // it would end the socket
	conn, resp, err := websocket.Dial(dial, c.Node.URL+"/api/ws", &websocket.DialOptions{HTTPClient: &client, HTTPHeader: http.Header{
		"Authorization": {"Bearer " + c.Access}, "Origin": {c.Node.URL}, "User-Agent": {"convosphere-e2e/1"},
	}})
	switch {
	case err == nil:
		conn.SetReadLimit(1 << 20)
		l.note(func() { l.opened++ })
		return conn
	case ctx.Err() != nil:
	case resp != nil && resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		l.note(func() { l.turnedAway++ })
		pause(ctx, 500*time.Millisecond)
	default:
		l.fault("opening a socket: %v", err)
		pause(ctx, 500*time.Millisecond)
	}
	return nil
}

// converse says the next message ten times a second, until the socket ends.
func converse(ctx context.Context, conn *websocket.Conn, room string, next func() string, acked func(string)) error {
	text := next()
	for {
		raw, err := json.Marshal(map[string]string{"type": "message", "room": room, "text": text, "ref": text})
		if err != nil {
			return err
		}
		if err := conn.Write(ctx, websocket.MessageText, raw); err != nil && ctx.Err() != nil {
			return err // else reading says why
		}
		for answered := false; !answered; {
			_, b, err := conn.Read(ctx)
			if err != nil {
				return err
			}
			var f kit.Frame
			if err := json.Unmarshal(b, &f); err != nil {
				return err
			}
			switch {
			case f.Str("type") == "ack" && f.Str("ref") == text:
				acked(text)
				answered = true
			case f.Str("type") == "error":
				return fmt.Errorf("the chat refuses: %s", b)
			}
		}
		if !pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
		text = next()
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// worker sends one request after the other, as one person from one gateway.
type worker struct {
	t      kit.T
	c      *kit.Client
	from   string
	user   kit.User
	room   string
	socket *websocket.Conn
	places *atomic.Uint32
}

// kinds are the requests that are measured, by the names that Mix has, each with the status that it must have.
var kinds = map[string]func(*worker) error{
	"read messages": func(w *worker) error {
		return w.ask("GET", kit.RoomPath(w.room, "messages")+"?limit=20", nil, w.from, http.StatusOK)
	},
	"list rooms": func(w *worker) error { return w.ask("GET", "/api/rooms", nil, w.from, http.StatusOK) },
	"post a message": func(w *worker) error {
		return w.ask("POST", kit.RoomPath(w.room, "messages"), text(), w.from, http.StatusCreated)
	},
	"socket message":  (*worker).say,
	"session":         func(w *worker) error { return w.ask("GET", "/auth/api/session", nil, w.from, http.StatusOK) },
	"refresh":         (*worker).renew,
	"login":           (*worker).login,
	"upload 64 KiB":   (*worker).upload,
	"attack, refused": (*worker).attack,
	"banned client":   func(w *worker) error { return w.ask("GET", "/api/rooms", nil, banned, http.StatusForbidden) },
	"anonymous, a 401": func(w *worker) error {
		return w.ask("GET", "/api/rooms", nil, w.from, http.StatusUnauthorized, kit.Bare())
	},
}

const banned = "192.0.2.77"

// attack comes from nobody, and from another address each time: none is banned.
func (w *worker) attack() error {
	n := w.places.Add(1)
	from := fmt.Sprintf("100.%d.%d.%d", 64+byte(n>>16)%64, byte(n), byte(n>>8))
	return w.ask("GET", "/api/rooms?q=1%27+OR+%271%27%3D%271", nil, from, http.StatusForbidden, kit.Bare())
}

// place is an address that nobody had for long.
func (w *worker) place() string {
	n := w.places.Add(1)
	return fmt.Sprintf("198.%d.%d.%d", 18+byte(n>>16)%2, byte(n), byte(n>>8))
}

var words = []string{"Good morning", "the train was late again", "lunch is at half past twelve", "who is coming on Friday", "see you there", "thanks a lot", "🎉", "Grüße aus Köln"}

// text is a message of some hundred bytes.
func text() map[string]string {
	s := ""
	for len(s) < 120 {
		s += words[rand.IntN(len(words))] + ", "
	}
	return map[string]string{"text": s + "and that is all."}
}

func (w *worker) ask(method, path string, body any, from string, want int, opts ...kit.Opt) error {
	a, err := w.c.Try(method, path, body, append(opts, kit.With("X-Forwarded-For", from))...)
	if err == nil && a.Status != want {
		err = fmt.Errorf("%s %s: status %d, want %d: %.300s", method, path, a.Status, want, a.Body)
	}
	return err
}

// tokens does a step of the portal that gives them.
func (w *worker) tokens(path string, body map[string]string, from string) error {
	body["delivery"] = "body"
	a, err := w.c.Try("POST", path, body, kit.With("X-Forwarded-For", from), kit.Bare())
	if err != nil {
		return err
	}
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != http.StatusOK || got.Refresh == "" {
		return fmt.Errorf("%s: status %d: %.300s", path, a.Status, a.Body)
	}
	w.c.Access, w.c.Refresh = got.Access, got.Refresh
	return nil
}

func (w *worker) login() error {
	return w.tokens("/auth/api/login", map[string]string{"username": w.user.Username, "password": w.user.Password}, w.place())
}

func (w *worker) renew() error {
	return w.tokens("/auth/api/refresh", map[string]string{"refresh_token": w.c.Refresh}, w.place())
}

// upload sends a picture of noise.
func (w *worker) upload() error {
	noise := image.NewGray(image.Rect(0, 0, 256, 256))
	for i := range noise.Pix {
		noise.Pix[i] = byte(rand.Uint32())
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("file", "noise.png")
	if err == nil {
		err = png.Encode(part, noise)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		return err
	}
	return w.ask("POST", kit.RoomPath(w.room, "files"), form.Bytes(), w.from, http.StatusCreated, kit.With("Content-Type", m.FormDataContentType()))
}

const patience = time.Minute

// dial opens a socket and joins the room.
func (w *worker) dial(from string) (*websocket.Conn, error) {
	hc := *w.c.HTTP
	hc.Timeout = 0 // it would end the socket
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, w.c.Node.URL+"/api/ws", &websocket.DialOptions{HTTPClient: &hc, HTTPHeader: http.Header{
		"User-Agent": {"convosphere-scale/1"}, "Origin": {w.c.Node.URL}, "Authorization": {"Bearer " + w.c.Access}, "X-Forwarded-For": {from},
	}})
	if err != nil {
		if res != nil && res.Body != nil {
			b, _ := io.ReadAll(res.Body) // what there is of it: websocket keeps the beginning
			err = fmt.Errorf("%w: %s", err, b)
		}
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	return conn, exchange(conn, map[string]string{"type": "join", "room": w.room}, "joined")
}

// exchange writes a message and reads until one of the type comes.
func exchange(conn *websocket.Conn, v map[string]string, until string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := json.Marshal(v)
	if err == nil {
		err = conn.Write(ctx, websocket.MessageText, b)
	}
	for err == nil {
		_, b, err = conn.Read(ctx)
		var got struct{ Type string }
		if err == nil && json.Unmarshal(b, &got) == nil {
			switch got.Type {
			case until:
				return nil
			case "error", "gateway.rate-limit":
				return fmt.Errorf("the socket answers %s", b)
			}
		}
	}
	return err
}

// say sends a message on a socket that stays open, and waits until it is acknowledged.
func (w *worker) say() (err error) {
	if w.socket == nil {
		if w.socket, err = w.dial(w.from); err != nil {
			return err
		}
	}
	return exchange(w.socket, map[string]string{"type": "message", "room": w.room, "text": text()["text"]}, "ack")
}

package http

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	maxFrame   = 64 << 10
	maxQueue   = 64 // events that wait for a slow reader
	writeLimit = 10 * time.Second
	pingEvery  = 30 * time.Second
)

// socket is one open WebSocket. Two goroutines of its own write to it and ping it; the handler's reads.
type socket struct {
	conn   *websocket.Conn
	name   string
	joined map[string]struct{} // guarded by hub.mu
	out    chan []byte
	ending chan closing // holds the first reason to end
	cut    context.CancelFunc
}

type closing struct {
	code   websocket.StatusCode
	reason string
}

// push queues an event. A reader that is too slow for its room loses its socket rather than holding up the others; it
// comes back and asks for what it missed.
func (s *socket) push(event []byte) {
	select {
	case s.out <- event:
	default:
		s.end(websocket.StatusTryAgainLater, "too slow")
	}
}

// end closes the socket soon. Only the first call counts.
func (s *socket) end(code websocket.StatusCode, reason string) {
	select {
	case s.ending <- closing{code, reason}:
	default:
	}
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) error {
	name, err := user(r)
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		return &problem{http.StatusUpgradeRequired, "upgrade-required", "This is a WebSocket"}
	}
	// The gateway has checked the Origin already; here the Host need not be the one that the browser knows.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil // Accept has answered
	}
	conn.SetReadLimit(maxFrame)
	ctx, cut := context.WithCancel(r.Context())
	sock := &socket{conn: conn, name: name, joined: map[string]struct{}{}, out: make(chan []byte, maxQueue), ending: make(chan closing, 1), cut: cut}
	defer cut()
	if !s.hub.add(sock) {
		_ = conn.Close(websocket.StatusGoingAway, "the chat is going down") // it may have gone: the same to us
		return nil
	}
	defer s.hub.remove(sock)
	var helpers sync.WaitGroup
	helpers.Go(func() { sock.write(ctx) })
	helpers.Go(func() { sock.ping(ctx) })
	s.read(ctx, sock)
	cut()
	helpers.Wait()
	_ = conn.CloseNow() // closed already, mostly
	return nil
}

// read takes frames one after the other until the socket ends; whoever sends faster than we store waits.
func (s *Server) read(ctx context.Context, sock *socket) {
	for {
		kind, raw, err := sock.conn.Read(ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			sock.end(websocket.StatusUnsupportedData, "text only")
			continue // until the writer has closed it
		}
		f, err := parseFrame(raw)
		if err == nil {
			err = s.act(ctx, sock, f)
		}
		if err != nil {
			p, inside := problemOf(err)
			if inside && ctx.Err() == nil {
				s.log.Error("answering on a socket", "type", f.Type, "error", err)
			}
			sock.push(event{Type: "error", Ref: f.Ref, Title: p.title}.bytes())
		}
	}
}

func (s *Server) act(ctx context.Context, sock *socket, f frame) error {
	switch f.Type {
	case "join":
		if err := s.store.HasRoom(ctx, f.Room); err != nil {
			return err
		}
		if !s.hub.join(f.Room, sock) {
			return &problem{title: "This socket is in too many rooms"}
		}
		sock.push(event{Type: "joined", Ref: f.Ref, Room: f.Room}.bytes())
	case "leave":
		s.hub.leave(f.Room, sock)
		sock.push(event{Type: "left", Ref: f.Ref, Room: f.Room}.bytes())
	case "typing":
		s.hub.room(f.Room, event{Type: "typing", Room: f.Room, User: sock.name}.bytes(), func(o *socket) bool { return o.name == sock.name })
	case "message":
		m, err := s.say(ctx, f.ID, f.Room, sock.name, f.Text, f.File)
		if err != nil {
			return err
		}
		sock.push(event{Type: "ack", Ref: f.Ref, Message: m}.bytes())
		s.hub.room(m.Room, messageEvent(m), func(o *socket) bool { return o == sock })
	}
	return nil
}

// write sends what is queued until ctx ends or the socket has a reason to end.
func (s *socket) write(ctx context.Context) {
	defer s.cut()
	for {
		select {
		case c := <-s.ending: // before what is still queued: it may be the queue's length that ends it
			_ = s.conn.Close(c.code, c.reason) // it may have gone: the same to us
			return
		default:
		}
		select {
		case <-ctx.Done():
			return
		case c := <-s.ending:
			_ = s.conn.Close(c.code, c.reason) // it may have gone: the same to us
			return
		case event := <-s.out:
			limited, cancel := context.WithTimeout(ctx, writeLimit)
			err := s.conn.Write(limited, websocket.MessageText, event)
			cancel()
			if err != nil {
				return
			}
		}
	}
}

// ping finds out when the other side has silently gone.
func (s *socket) ping(ctx context.Context) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			limited, cancel := context.WithTimeout(ctx, writeLimit)
			err := s.conn.Ping(limited)
			cancel()
			if err != nil {
				s.cut()
				return
			}
		}
	}
}

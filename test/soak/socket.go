package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

const (
	speakEvery = 5 * time.Second  // one socket, at pace 1
	answerIn   = 60 * time.Second // an acknowledgement that does not come for so long was lost
)

// socket is one that is open.
type socket struct {
	*load
	conn *websocket.Conn
	room string
	acks chan kit.Frame
	err  error         // why it ended; read after done
	done chan struct{} // closed at its end
}

// sockets holds one open until ctx ends: another one whenever it was ended, as clients do.
func (l *load) sockets(ctx context.Context, p *person, pause time.Duration) {
	for ctx.Err() == nil {
		if s := l.dial(ctx, p); s != nil {
			s.talk(ctx, pause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second + rand.N(time.Second)): // all at once would be a flood
		}
	}
}

// dial opens one and joins a room.
func (l *load) dial(ctx context.Context, p *person) *socket {
	i := l.site.Pick()
	n := l.site.Via[i].Node
	hc := *l.site.Via[i].HTTP
	hc.Timeout = 0 // it would end the socket
	within, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	began := time.Now()
	conn, res, err := websocket.Dial(within, n.URL+"/api/ws", &websocket.DialOptions{HTTPClient: &hc, HTTPHeader: http.Header{
		"User-Agent": {"convosphere-soak/1"}, "Origin": {n.URL}, "Authorization": {"Bearer " + p.token()}, "X-Forwarded-For": {p.from},
	}})
	if err != nil {
		if ctx.Err() == nil {
			l.tally.note("socket", refusal(res), fmt.Sprintf("gateway-%d: %v", i+1, err), began)
		}
		return nil
	}
	l.tally.note("socket", "101", "", began)
	conn.SetReadLimit(1 << 20)
	s := &socket{load: l, conn: conn, room: l.room(), acks: make(chan kit.Frame, 4), done: make(chan struct{})}
	go s.read(began)
	if err := s.write(map[string]string{"type": "join", "room": s.room}); err != nil {
		s.conn.CloseNow()
	}
	return s
}

func refusal(res *http.Response) string {
	if res == nil {
		return noAnswer
	}
	return fmt.Sprint(res.StatusCode)
}

func (s *socket) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerIn)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, b)
}

// read takes what comes until the socket ends.
func (s *socket) read(began time.Time) {
	defer close(s.done)
	for {
		_, b, err := s.conn.Read(context.Background()) // ends with the socket, which talk closes
		if err != nil {
			s.err = err
			return
		}
		f := kit.Frame{}
		switch err := json.Unmarshal(b, &f); {
		case err != nil:
			s.tally.note("socket message", "no JSON", string(b), began)
		case f.Str("type") == "ack":
			s.acks <- f // the one that talk waits for
		case f.Str("type") == "error", f.Str("type") == "gateway.rate-limit":
			s.tally.note("socket message", f.Str("type"), string(b), time.Now())
		}
	}
}

// talk says something now and then, until ctx or the socket ends.
func (s *socket) talk(ctx context.Context, pause time.Duration) {
	for {
		select {
		case <-ctx.Done():
			_ = s.conn.Close(websocket.StatusNormalClosure, "") // the other side may have gone first
			<-s.done
			return
		case <-s.done:
			s.ended()
			return
		case <-time.After(pause/2 + rand.N(pause)):
		}
		if !s.say() {
			s.conn.CloseNow()
			<-s.done
			s.ended()
			return
		}
	}
}

func (s *socket) ended() {
	var ce websocket.CloseError
	code := "no close frame"
	if errors.As(s.err, &ce) {
		code = fmt.Sprintf("%d %s", ce.Code, ce.Reason)
	}
	s.tally.note("socket end", cut, code, time.Now())
}

// say sends one message and waits until it is acknowledged. It tells whether the socket is still good.
func (s *socket) say() bool {
	mark := s.ledger.begin(s.room)
	began := time.Now()
	if err := s.write(map[string]string{"type": "message", "room": s.room, "text": sentence(mark), "ref": mark}); err != nil {
		s.tally.note("socket message", unheard, err.Error(), began)
		return false
	}
	select {
	case f := <-s.acks:
		if f.Str("ref") != mark || f.Message().Str("id") == "" {
			s.tally.note("socket message", "another's ack", fmt.Sprint(f), began)
			return false
		}
		s.ledger.acked(mark, f.Message().Str("id"), true)
		s.tally.note("socket message", "ack", "", began)
		return true
	case <-s.done:
		select { // it may have come last
		case f := <-s.acks:
			s.ledger.acked(mark, f.Message().Str("id"), true)
			s.tally.note("socket message", "ack", "", began)
		default:
			s.tally.note("socket message", unheard, fmt.Sprint(s.err), began)
		}
		return false
	case <-time.After(answerIn):
		s.tally.note("socket message", "no ack", mark, began)
		return false
	}
}

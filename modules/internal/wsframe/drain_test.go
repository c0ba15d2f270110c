package wsframe_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/wsframe"
)

const goodbye = "the server restarts"

// socketOf is the gate's end of a socket that was just opened.
func socketOf(t *testing.T, g *gate) *wsframe.Conn {
	t.Helper()
	select {
	case c := <-g.conns:
		return c
	case <-time.After(30 * time.Second):
		t.Fatal("no socket opened")
	}
	return nil
}

// What was passed on gets its answer before the socket ends, and what comes after is not passed on.
func TestDrainLosesNoAnswer(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g, frame(1, "one", true)...)
		back := b.conn(t)
		expect(t, back, 1, "one")
		socketOf(t, g).Drain()
		if _, err := back.Write(frame(1, "answer to one", false)); err != nil {
			t.Fatal(err)
		}
		expect(t, p.br, 1, "answer to one")
		expectClose(t, back, 1001, "")
		p.send(t, frame(1, "two", true))
		for _, f := range [][]byte{frame(1, "last words", false), frame(8, "\x03\xe8", false)} {
			if _, err := back.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, p.br, 1, "last words")
		expectClose(t, p.br, 1001, goodbye)
		p.send(t, frame(8, "\x03\xe9", true))
		expectEnd(t, p.br)
		expectEnd(t, back) // and no "two"
		if s := g.over(t, 30*time.Second); s.CloseCode != 1001 || s.CloseReason != goodbye || s.MessagesIn != 1 || s.MessagesOut != 2 {
			t.Errorf("recorded %+v", s)
		}
	})
}

// A client that closes meanwhile is answered, too.
func TestDrainWithAClientThatCloses(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g)
		back := b.conn(t)
		c := socketOf(t, g)
		c.Drain()
		c.Drain() // the first counts
		expectClose(t, back, 1001, "")
		p.send(t, frame(8, "\x03\xe8", true))
		if _, err := back.Write(frame(8, "\x03\xe9", false)); err != nil {
			t.Fatal(err)
		}
		expectClose(t, p.br, 1001, goodbye)
		expectEnd(t, p.br)
		g.over(t, 30*time.Second)
	})
}

// A back end that ends without a word, and one that says none and stays, do not keep the client from being told.
func TestDrainWithABackEndThatDoesNotAnswer(t *testing.T) {
	b := &raw{}
	for name, ends := range map[string]bool{"ends": true, "stays": false} {
		t.Run(name, func(t *testing.T) {
			through(t, b.start, nil, func(t *testing.T, g *gate) {
				p := dial(t, g)
				back := b.conn(t)
				socketOf(t, g).Drain()
				expectClose(t, back, 1001, "")
				if ends {
					back.Close()
				}
				expectClose(t, p.br, 1001, goodbye)
				p.send(t, frame(8, "\x03\xe9", true))
				expectEnd(t, p.br)
				g.over(t, 30*time.Second)
			})
		})
	}
}

// Who keeps the open sockets is told of each once, and when it has ended.
func TestSocketsAreNoted(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		var open atomic.Int64
		leave := make(chan func(), 1)
		g.join = func(f func()) func() {
			open.Add(1)
			leave <- f
			return func() { open.Add(-1) }
		}
		p := dial(t, g)
		back := b.conn(t)
		drain := <-leave
		if open.Load() != 1 {
			t.Fatalf("%d sockets are noted", open.Load())
		}
		drain()
		expectClose(t, back, 1001, "")
		back.Close()
		expectClose(t, p.br, 1001, goodbye)
		p.send(t, frame(8, "\x03\xe9", true))
		expectEnd(t, p.br)
		g.over(t, 30*time.Second)
		for end := time.Now().Add(30 * time.Second); open.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it is still noted")
			}
		}
	})
}

// A back end that reads nothing of what a client keeps sending does not keep the gateway from ending, nor the client from being told.
func TestDrainWithABackEndThatReadsNothing(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g)
		b.conn(t) // and nobody reads on it
		c := socketOf(t, g)
		var sent atomic.Int64
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			flood := frame(2, strings.Repeat("x", 60_000), true)
			for {
				if _, err := p.Write(flood); err != nil {
					return
				}
				sent.Add(1)
			}
		}()
		for last, since := int64(-1), time.Now(); time.Since(since) < time.Second; time.Sleep(10 * time.Millisecond) {
			if n := sent.Load(); n != last {
				last, since = n, time.Now()
			}
		}
		c.Drain()
		g.over(t, 30*time.Second)
		p.vanish()
		<-flooded
	})
}

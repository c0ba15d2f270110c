package wsframe_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// What the gateway says itself comes between the back end's messages, whole, and not at all once the socket closes.
func TestSend(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g)
		back := b.conn(t)
		c := g.conn(t)
		if err := c.Send(`{"type":"gateway.test"}`); err != nil {
			t.Fatal(err)
		}
		expect(t, p.br, 1, `{"type":"gateway.test"}`)

		const each = 50
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range each {
					if err := c.Send("of the gateway"); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for range each {
				// In two pieces, and fragmented: nothing may come between the parts that the client gets.
				f := frame(1, "of the ", false)
				f[0] &^= 0x80
				f = append(f, frame(0, "back end", false)...)
				if _, err := back.Write(f[:5]); err != nil {
					t.Error(err)
					return
				}
				if _, err := back.Write(f[5:]); err != nil {
					t.Error(err)
					return
				}
			}
		})
		got := map[string]int{}
		for range 5 * each {
			op, text, err := readFrame(p.br)
			if err != nil {
				t.Fatal(err)
			}
			got[fmt.Sprint(op, text)]++
		}
		wg.Wait()
		if got["1of the gateway"] != 4*each || got["1of the back end"] != each {
			t.Errorf("received %v", got)
		}

		c.Close(1008, "over")
		if c.Send("late") == nil {
			t.Error("a closing socket takes a message")
		}
		expectClose(t, p.br, 1008, "over")
		p.send(t, frame(8, "\x03\xf0", true))
		expectEnd(t, p.br)
		s := g.over(t, time.Second)
		if s.MessagesOut != each {
			t.Errorf("%d messages of the back end are recorded", s.MessagesOut)
		}
		if c.Send("later") == nil {
			t.Error("a socket that has ended takes a message")
		}
	})
}

package authenticate

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/identity/session"
)

func at(t time.Time) func(string) (time.Time, error) {
	return func(string) (time.Time, error) { return t, nil }
}

func TestSocketAndTokenExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeople()
		h := newHandler(t, p) // without a renewal
		p.deadline = at(time.Now())
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Error(how)
		}
		end()

		p.deadline = at(time.Now().Add(200 * time.Millisecond))
		c, end = watchFor(t, h, p, 20*time.Millisecond)
		if how := c.within(t, 100*time.Millisecond); how != "open" {
			t.Errorf("a renewed session: %s", how)
		}
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Errorf("after its last token: %s", how)
		}
		end()

		p.deadline = func(string) (time.Time, error) { return time.Time{}, errors.New("down") }
		c, end = watchFor(t, h, p, 20*time.Millisecond)
		if how := c.within(t, time.Second); how != "1013 try again later" {
			t.Errorf("identity down: %s", how)
		}
		end()

		c, end = watchFor(t, h, p, 20*time.Millisecond)
		end()
		if how := c.within(t, 100*time.Millisecond); how != "open" {
			t.Errorf("after its end: %s", how)
		}
	})
}

// told reads the message, and when it says that the socket will close.
func told(t *testing.T, c closed) time.Time {
	t.Helper()
	text := c.within(t, time.Second)
	var m map[string]string
	if json.Unmarshal([]byte(text), &m) != nil || len(m) != 2 || m["type"] != "gateway.renew" {
		t.Fatalf("told %q", text)
	}
	deadline, err := time.Parse(time.RFC3339, m["deadline"])
	if err != nil {
		t.Fatal(err)
	}
	return deadline
}

func TestSocketRenewal(t *testing.T) {
	// In time that only passes when all wait.
	run := func(name string, test func(t *testing.T, p *people, h *Handler)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPeople()
				h := newHandler(t, p)
				h.Renewal = caddy.Duration(300 * time.Millisecond)
				test(t, p, h)
			})
		})
	}
	run("the client does nothing", func(t *testing.T, p *people, h *Handler) {
		p.deadline = at(time.Now())
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		defer end()
		if d := time.Until(told(t, c)); d > 400*time.Millisecond || d < -time.Second {
			t.Errorf("the deadline is in %s", d)
		}
		if how := c.within(t, 200*time.Millisecond); how != "open" {
			t.Errorf("within the grace: %s", how)
		}
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Errorf("after the grace: %s", how)
		}
	})
	run("the client refreshes", func(t *testing.T, p *people, h *Handler) {
		p.deadline = at(time.Now())
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		defer end()
		told(t, c)
		p.set(at(time.Now().Add(700 * time.Millisecond)))
		if how := c.within(t, 500*time.Millisecond); how != "open" {
			t.Errorf("refreshed: %s", how)
		}
		told(t, c) // of the next token's expiry
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Errorf("and not refreshed again: %s", how)
		}
	})
	run("the session ends meanwhile", func(t *testing.T, p *people, h *Handler) {
		p.deadline = at(time.Now())
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		defer end()
		told(t, c)
		p.end("s-ursula")
		if how := c.within(t, 100*time.Millisecond); how != "1008 session ended" {
			t.Error(how)
		}
	})
	run("the session has ended by its age", func(t *testing.T, p *people, h *Handler) {
		p.deadline = func(string) (time.Time, error) { return time.Time{}, session.ErrSession }
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		defer end()
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Errorf("there is nothing to renew: %s", how)
		}
	})
	run("identity down in the grace", func(t *testing.T, p *people, h *Handler) {
		p.deadline = at(time.Now())
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		defer end()
		told(t, c)
		p.set(func(string) (time.Time, error) { return time.Time{}, errors.New("down") })
		if how := c.within(t, time.Second); how != "1013 try again later" {
			t.Error(how)
		}
	})
	run("the socket ends in the grace", func(t *testing.T, p *people, h *Handler) {
		p.deadline = at(time.Now())
		c, end := watchFor(t, h, p, 20*time.Millisecond)
		told(t, c)
		end()
		if how := c.within(t, 500*time.Millisecond); how != "open" {
			t.Error(how)
		}
	})
}

// A client that does not read must not keep its socket past the deadline.
func TestSocketRenewalUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeople()
		h := newHandler(t, p)
		h.Renewal = caddy.Duration(100 * time.Millisecond)
		p.deadline = at(time.Now())
		id, err := p.Verify(t.Context(), "good-ursula")
		if err != nil {
			t.Fatal(err)
		}
		id.Expires = time.Now()
		c := deaf{make(closed, 4), make(chan struct{})}
		defer close(c.never)
		defer h.watch(t.Context(), c, id, "good-ursula")()
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Error(how)
		}
	})
}

// deaf is a socket whose client does not read.
type deaf struct {
	closed
	never chan struct{}
}

func (d deaf) Send(string) error {
	<-d.never
	return errors.New("closed")
}

// A personal token lasts for a year. Where its end was not heard of, by a gateway that was cut off for longer than the feed keeps what it tells, its
// socket closes all the same.
func TestLongSocketsAreLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeople()
		h := newHandler(t, p)
		year := time.Now().Add(365 * 24 * time.Hour)
		p.deadline = at(year)
		c, end := watchFor(t, h, p, time.Until(year))
		defer end()
		if how := c.within(t, 3*lookAgain); how != "open" {
			t.Fatal(how)
		}
		p.set(func(string) (time.Time, error) { return time.Time{}, session.ErrSession })
		if how := c.within(t, lookAgain+time.Second); how != "1008 token expired" {
			t.Error(how)
		}
	})
}

package wsframe

import "time"

const (
	busiest = 2 * time.Second        // that a draining socket waits for a pause, while messages pass as before
	settled = 500 * time.Millisecond // without a message after one of the back end's: a pause
	answers = 3 * time.Second        // that it waits for something to come back for a client's last message
	lookout = 25 * time.Millisecond  // how often it looks
	parting = 2 * time.Second        // for the back end to answer the close frame
	leaving = "the server restarts"
)

// Drain has the socket end with 1001 such that nothing that was passed on loses its answer: it waits for a pause, lets no further message of the
// client's pass, waits for what comes back for the last one, has the back end close, which sends what it still has to say, and then closes. What a client
// sent and had no answer to by then was not passed on, unless the back end is slower than 3 seconds. It returns at once; only the first call counts.
func (c *Conn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.leaves || c.closing.Load() {
		return
	}
	c.leaves = true
	c.herald.Add(1)
	go c.drain()
}

func (c *Conn) drain() {
	defer c.herald.Done()
	c.awaitPause(busiest)
	c.draining.Store(true)
	c.awaitPause(answers)
	// A back end that does not read what a client keeps sending keeps nobody here: told or not, the client is, and then the connections are cut.
	c.mu.Lock()
	c.cutAfter(parting + grace)
	c.mu.Unlock()
	end := time.NewTimer(parting)
	defer end.Stop()
	if !c.in.tell(closeFrame(In, CodeGoingAway, ""), end.C) {
		c.farewell()
		return
	}
	select {
	case <-c.ctx.Done(): // the back end has closed, or somebody else has
	case <-end.C:
		c.farewell()
	}
}

// farewell tells the client, after all that the back end had to say.
func (c *Conn) farewell() { c.shutdown(CodeGoingAway, leaving, CodeGoingAway) }

// awaitPause waits until nobody is owed an answer, as far as that can be told of messages that nobody here understands, or the socket ends.
func (c *Conn) awaitPause(most time.Duration) {
	tick := time.NewTicker(lookout)
	defer tick.Stop()
	last, since, began := c.passed(), time.Now(), time.Now()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if p := c.passed(); p != last {
			last, since = p, now
		}
		if quiet := now.Sub(since); quiet >= settled && !c.owed.Load() || now.Sub(began) >= most {
			return
		}
	}
}

// joinDrain has the socket told when the gateway ends, where the request asks for it.
func (c *Conn) joinDrain() {
	join := c.tap.rc.Join
	if join == nil {
		return
	}
	left := join(c.Drain)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onEnd = append(c.onEnd, left)
}

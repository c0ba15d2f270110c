package wsframe

import (
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// passed is what has passed until now.
func (c *Conn) passed() reqctx.Socket {
	return reqctx.Socket{
		MessagesIn: c.in.messages.Load(), BytesIn: c.in.bytes.Load(), MessagesOut: c.out.messages.Load(), BytesOut: c.out.bytes.Load(),
		Refused: c.in.refused.Load() + c.out.refused.Load(),
	}
}

// watchActivity tells, as the request asks for, of what passes. A timer that looks costs messages nothing, and a silent socket next to nothing.
func (c *Conn) watchActivity() {
	a := c.tap.rc.Activity
	if a == nil {
		return
	}
	if a.Opened != nil {
		a.Opened()
	}
	if a.Every <= 0 {
		return
	}
	var told reqctx.Socket
	look := func() {
		if now := c.passed(); now != told {
			told = now
			a.Tell(now)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.ended {
			c.active.Reset(a.Every)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.active = time.AfterFunc(a.Every, look)
	}
}

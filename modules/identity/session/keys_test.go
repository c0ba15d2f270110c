package session

import (
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/token"
)

// A key in wrong hands: what it signed is refused at once, remembered or not, and sockets end. Sessions go on by their refresh tokens.
func TestAWithdrawnKey(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	n.mustVerify(r.Tokens.Access)
	socket := make(chan string, 2)
	n.Watch(r.Identity.Session, func(reason string) { socket <- reason })
	if _, err := n.Keys.Withdraw(); err != nil {
		t.Fatal(err)
	}
	if _, ok := n.Known(r.Tokens.Access); ok {
		t.Fatal("its tokens are remembered")
	}
	if _, err := n.Verify(ctx, r.Tokens.Access); err != token.ErrInvalid {
		t.Fatal(err)
	}
	select {
	case <-socket:
	case <-time.After(time.Second):
		t.Fatal("the socket is open")
	}
	next, err := n.Refresh(ctx, r.Tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	n.mustVerify(next.Tokens.Access)
	n.Watch(next.Identity.Session, func(reason string) { socket <- reason })()
	if len(socket) != 0 {
		t.Fatal("a socket opened after it was closed too")
	}
}

package session

import (
	"crypto/ecdsa"
	"errors"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/keyring"
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
	if _, err := n.Verify(ctx, r.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Fatal(err)
	}
	select {
	case <-socket:
	case <-time.After(30 * time.Second):
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

// tardy keys are withdrawn while a token is being verified by them.
type tardy struct{ *keyring.Ring }

func (k tardy) Public(kid string) (*ecdsa.PublicKey, bool) {
	key, ok := k.Ring.Public(kid)
	_, err := k.Withdraw()
	return key, ok && err == nil
}

// What was being verified when its key was withdrawn is not remembered: who has the key could else be let in for the hour that such a token lasts.
func TestAKeyWithdrawnMeanwhile(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	n.known.Clear()
	n.issuer.Keys = tardy{n.Keys}
	_, _ = n.Verify(ctx, r.Tokens.Access) // either answer will do: it came in that moment
	n.issuer.Keys = n.Keys
	if _, ok := n.Known(r.Tokens.Access); ok {
		t.Fatal("it is remembered")
	}
	if _, err := n.Verify(ctx, r.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Fatal(err)
	}
}

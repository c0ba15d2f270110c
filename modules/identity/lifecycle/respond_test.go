package lifecycle

import (
	"errors"
	"strings"
	"testing"
)

// A response locks an account as an operator does, and says that no person did; nobody is left without an administrator, and an operator's lock is not its own.
func TestLocksOfResponses(t *testing.T) {
	h := newHouse(t, Off)
	ada, eve, ursula := h.person("ada", "", "admin"), h.person("eve", "", "admin"), h.person("ursula", "")
	if err := h.Lock(ctx, ursula); err != nil || !h.again(ursula).Disabled {
		t.Fatal(err)
	}
	if err := h.Lock(ctx, ursula); !errors.Is(err, ErrLocked) {
		t.Error("locked twice:", err)
	}
	if err := h.Reopen(ctx, h.again(ursula)); err != nil || h.again(ursula).Disabled {
		t.Error(err)
	}
	if err := h.Lock(ctx, eve); err != nil {
		t.Error("one of two administrators:", err)
	}
	if err := h.Lock(ctx, ada); !errors.Is(err, ErrLastAdmin) || h.again(ada).Disabled {
		t.Error("the last administrator is locked out:", err)
	}
	if err := h.EndAll(ctx, ada); err != nil {
		t.Error(err)
	}
	if n := h.events.count("account-disabled"); n != 2 {
		t.Error(n, "locks are recorded")
	}
	if n := strings.Count(h.events.text(), "by a response"); n != 4 {
		t.Error(n, "events say that no person did it")
	}
}

package chaos

import (
	"testing"
	"time"
)

// A slot that moves lets nobody in too many.
func TestSlotMoves(t *testing.T) {
	m := SlotMoves(t, short, 10*time.Millisecond)
	t.Log(m.Count, m.Moves, "moves")
	if m.Breaches > 0 {
		t.Errorf("%d more were admitted than the limits allow", m.Breaches)
	}
	if m.Moves < 3 || m.Refused == 0 {
		t.Errorf("%d moves, %d refused: it was not put to the test", m.Moves, m.Refused)
	}
}

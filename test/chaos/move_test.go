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

// Nor does it refuse anybody for whom there is room.
func TestSlotMovesRefuseNobody(t *testing.T) {
	m := WrongRefusals(t, short, 10*time.Millisecond)
	t.Log(m.Count, m.Moves, "moves")
	if m.Admitted != m.Sent {
		t.Errorf("%d of %d were refused, %d not counted, though there was room", m.Refused, m.Sent, m.Other)
	}
	if m.Moves < 3 {
		t.Errorf("%d moves: it was not put to the test", m.Moves)
	}
}

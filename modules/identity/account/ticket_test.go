package account

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

func (h *house) ticket(kind string, life time.Duration) (secret string) {
	h.t.Helper()
	if err := h.tx(func(tx *database.Tx) (err error) {
		secret, err = h.NewTicket(ctx, tx, noon, Ticket{Kind: kind, Account: "A"}, "planted", life)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return secret
}

func TestATicketWorksOnce(t *testing.T) {
	h := newHouse(t)
	secret := h.ticket(TicketReset, time.Hour)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			k, err := h.Ticket(ctx, noon, TicketReset, secret)
			if err == nil {
				err = h.db.InTx(ctx, func(tx *database.Tx) error { return k.Spend(ctx, tx, noon) })
			}
			if err == nil {
				won.Add(1)
			} else if err != ErrTicket {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("spent %d times", won.Load())
	}
	if _, err := h.Ticket(ctx, noon, TicketReset, secret); err != ErrTicket {
		t.Fatal("a spent ticket:", err)
	}
}

func TestTicketsAreBound(t *testing.T) {
	h := newHouse(t)
	secret := h.ticket(TicketEmail, time.Hour)
	for name, c := range map[string]struct {
		at           time.Time
		kind, secret string
	}{
		"another kind": {noon, TicketReset, secret}, "too late": {noon.Add(time.Hour), TicketEmail, secret}, "unknown": {noon, TicketEmail, strings.Repeat("A", 26)},
		"empty": {noon, TicketEmail, ""}, "huge": {noon, TicketEmail, strings.Repeat("A", 1<<20)}, "its hash": {noon, TicketEmail, hashTicket(secret)}, "lower case": {noon, TicketEmail, strings.ToLower(secret)},
	} {
		if _, err := h.Ticket(ctx, c.at, c.kind, c.secret); err != ErrTicket {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Looked at too often, it is void: it could be a place to guess.
	for i := range maxTicketTries {
		if _, err := h.Ticket(ctx, noon, TicketEmail, secret); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := h.Ticket(ctx, noon, TicketEmail, secret); err != ErrTicket {
		t.Error(err)
	}
}

func TestTicketsRestHashedAndSealed(t *testing.T) {
	h := newHouse(t)
	secret := h.ticket(TicketRegister, time.Hour)
	var hash, id string
	var data []byte
	if err := h.db.QueryRow(ctx, `SELECT hash, id, data FROM tickets`).Scan(&hash, &id, &data); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(hash+id, secret) || strings.Contains(string(data), "planted") {
		t.Fatal("a ticket lies open in the database")
	}
	k, err := h.Ticket(ctx, noon, TicketRegister, secret)
	var got string
	if err != nil || k.Data(&got) != nil || got != "planted" {
		t.Fatal(got, err)
	}
	// Data moved to another ticket does not open there.
	other := h.ticket(TicketRegister, time.Hour)
	if _, err := h.db.Exec(ctx, `UPDATE tickets SET data = ?`, data); err != nil {
		t.Fatal(err)
	}
	if k, err := h.Ticket(ctx, noon, TicketRegister, other); err != nil || k.Data(&got) == nil {
		t.Fatal("data moved to another ticket was read", err)
	}
}

func TestTicketsGo(t *testing.T) {
	h := newHouse(t)
	count := func() (n int) {
		t.Helper()
		if err := h.db.QueryRow(ctx, `SELECT COUNT(*) FROM tickets`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	h.ticket(TicketRegister, -time.Hour)
	h.ticket(TicketInvite, time.Hour)
	if n := count(); n != 1 {
		t.Fatal(n)
	}
	list, err := h.Tickets(ctx, noon, TicketInvite, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := h.TicketByID(ctx, noon, TicketReset, list[0].ID); err != ErrTicket {
		t.Fatal(err)
	}
	if err := h.tx(func(tx *database.Tx) error { return h.DropTickets(ctx, tx, "B") }); err != nil || count() != 1 {
		t.Fatal(err)
	}
	if err := h.tx(func(tx *database.Tx) error { return h.DropTickets(ctx, tx, "A") }); err != nil || count() != 0 {
		t.Fatal(err)
	}
	h.ticket(TicketInvite, time.Minute)
	if err := h.PruneTickets(ctx, noon.Add(time.Minute)); err != nil || count() != 0 {
		t.Fatal(err)
	}
}

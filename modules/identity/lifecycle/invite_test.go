package lifecycle

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
)

func TestInvitations(t *testing.T) {
	h := newHouse(t, Invitation)
	shown, err := h.Invite(ctx, Operator{}, "Ursula@example.org", "moderator", InvitationLife)
	if err != nil || shown != "" {
		t.Fatal("a mailed invitation is shown, too, so it proves no address:", shown, err)
	}
	m := h.next()
	page, secret := link(t, m)
	if page != "invite" || m.To[0] != "Ursula@example.org" {
		t.Fatalf("%+v", m)
	}
	list, err := h.Invitations(ctx)
	if err != nil || len(list) != 1 || list[0].Email != "Ursula@example.org" || list[0].Role != "moderator" || strings.Contains(list[0].ID, secret) {
		t.Fatalf("%+v %v", list, err)
	}
	r := registration("ursula", "ursula@EXAMPLE.org")
	r.Invitation = secret
	if status, err := h.Register(ctx, r, caller(1)); err != nil || status != StatusActive {
		t.Fatal(status, err)
	}
	if got := h.mustLogin("ursula", password).Identity.Roles; got[0] != "moderator" {
		t.Fatal(got)
	}
	r.Username, r.Email = "petra", "petra@example.org"
	if _, err := h.Register(ctx, r, caller(1)); err != account.ErrTicket {
		t.Fatal("an invitation was used twice:", err)
	}

	// One to pass on proves no address: it is proved by mail.
	shown, err = h.Invite(ctx, Operator{}, "", "", time.Hour)
	if err != nil || !strings.HasPrefix(shown, base+"/auth/invite#") {
		t.Fatal(shown, err)
	}
	r.Invitation = shown[len(base+"/auth/invite#"):]
	if status, err := h.Register(ctx, r, caller(1)); err != nil || status != StatusConfirm {
		t.Fatal(status, err)
	}
	_, confirm := link(t, h.next())
	// One for another's address is for nobody else.
	if _, err := h.Invite(ctx, Operator{}, "mona@example.org", "", time.Hour); err != nil {
		t.Fatal(err)
	}
	_, foreign := link(t, h.next())
	eve := registration("eve", "eve@example.org")
	eve.Invitation = foreign
	if _, err := h.Register(ctx, eve, caller(1)); err != account.ErrTicket {
		t.Fatal("an invitation of somebody else was used:", err)
	}
	// Taken back, it opens no account, also where somebody has begun with it.
	if list, err = h.Invitations(ctx); err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, i := range list {
		if err := h.Revoke(ctx, Operator{}, i.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.ConfirmRegistration(ctx, confirm, password, "", caller(1)); err != account.ErrTicket {
		t.Fatal(err)
	}
	if err := h.Revoke(ctx, Operator{}, list[0].ID); err != account.ErrTicket {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		email, role string
		life        time.Duration
	}{{"x", "user", time.Hour}, {"", "A,B", time.Hour}, {"", "", 0}, {"", "", 100 * 24 * time.Hour}} {
		if _, err := h.Invite(ctx, Operator{}, bad.email, bad.role, bad.life); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	h.quiet()
}

func TestAnInvitationIsUsedOnce(t *testing.T) {
	h := newHouse(t, Invitation)
	shown, err := h.Invite(ctx, Operator{}, "", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, name := range []string{"ursula", "petra", "mona"} {
		r := registration(name, name+"@example.org")
		r.Invitation = shown[len(base+"/auth/invite#"):]
		if _, err := h.Register(ctx, r, caller(1)); err != nil {
			t.Fatal(err)
		}
		_, secret := link(t, h.next())
		secrets = append(secrets, secret)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for _, s := range secrets {
		all.Go(func() {
			if _, err := h.ConfirmRegistration(ctx, s, password, "", caller(1)); err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("one invitation let %d in", won.Load())
	}
}

// Who is an operator no more must not come back, or let others in, by an invitation that they made in time.
func TestInvitationsGoWithTheirOperator(t *testing.T) {
	for name, fall := range map[string]func(h *house, by Operator, a account.Account) error{
		"other roles": func(h *house, by Operator, a account.Account) error { return h.SetRoles(ctx, by, a, []string{"user"}) },
		"disabled":    func(h *house, by Operator, a account.Account) error { return h.SetDisabled(ctx, by, a, true) },
		"erased":      func(h *house, by Operator, a account.Account) error { return h.Erase(ctx, by, a) },
		"reset": func(h *house, _ Operator, _ account.Account) error {
			return h.Reset(ctx, h.resetLink("eve@example.org"), another, caller(3))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Invitation)
			ada, eve := h.person("ada", "", "admin"), h.person("eve", "eve@example.org", "admin")
			shown, err := h.Invite(ctx, Operator{ID: eve.ID}, "", "admin", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := h.Invite(ctx, Operator{ID: ada.ID}, "", "user", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			r := registration("mallory", "mallory@example.org")
			r.Invitation = shown[len(base+"/auth/invite#"):]
			if _, err := h.Register(ctx, r, caller(1)); err != nil {
				t.Fatal(err)
			}
			_, begun := link(t, h.next())
			if err := fall(h, Operator{ID: ada.ID}, eve); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Register(ctx, r, caller(1)); err != account.ErrTicket {
				t.Error("it still lets somebody in:", err)
			}
			if _, err := h.ConfirmRegistration(ctx, begun, password, "", caller(1)); err != account.ErrTicket {
				t.Error("what was begun with it still opens an account:", err)
			}
			r.Invitation = kept[len(base+"/auth/invite#"):]
			if _, err := h.Register(ctx, r, caller(1)); err != nil {
				t.Error("another operator's went, too:", err)
			}
		})
	}
}

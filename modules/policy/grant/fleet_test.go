package grant

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// What one process remembers of what another changes: whole objects, parts of large ones, lists, and what ends by itself.
func TestAFleetSeesChanges(t *testing.T) {
	config := dbtest.New(t)
	db1, feed1 := openDB(t, config)
	db2, feed2 := openDB(t, config)
	a, b := New(db1, feed1, time.Now), New(db2, feed2, time.Now)
	defer a.Close()
	defer b.Close()
	big := make([]Grant, maxWhole+1)
	for i := range big {
		big[i] = Grant{fmt.Sprint("user", i), "member", "room:big", never}
	}
	apply(t, a, append(big, Grant{"ursula", "member", "room:a", never}, Grant{"ursula", "author", "message:1", never}), nil)
	say := func(s *Store) string {
		rooms, _ := objects(t, s, "ursula", "room", 10)
		return fmt.Sprint(rooms, relations(t, s, "ursula", "room:a"), relations(t, s, "ursula", "room:big"), relations(t, s, "user7", "room:big"), relations(t, s, "ursula", "message:1"))
	}
	agree := func(after string) {
		t.Helper()
		began := time.Now()
		for say(a) != say(b) {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("after %s: %s, elsewhere %s", after, say(a), say(b))
			}
			time.Sleep(2 * time.Millisecond)
		}
		t.Logf("%s: seen after %s", after, time.Since(began).Round(time.Millisecond))
	}
	agree("the beginning")
	for _, c := range []struct {
		name        string
		add, remove []Grant
	}{
		{"a new room", []Grant{{"ursula", "owner", "room:b", never}}, nil},
		{"a part of a large room", []Grant{{"user7", "owner", "room:big", never}, {"ursula", "viewer", "room:big", never}}, nil},
		{"everyone", []Grant{{Everyone, "viewer", "room:c", never}, {Everyone, "viewer", "room:big", never}}, nil},
		{"removal", nil, []Grant{{"ursula", "", "room:a", never}, {"", "owner", "room:big", never}}},
		{"a grant that ends", []Grant{{"ursula", "guest", "room:a", time.Now().Add(1500 * time.Millisecond)}}, nil},
	} {
		apply(t, a, c.add, c.remove)
		agree(c.name)
	}
	for end := time.Now().Add(10 * time.Second); relations(t, b, "ursula", "room:a") != ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not end elsewhere")
		}
	}
	agree("its end")
	if err := db1.InTx(context.Background(), func(tx *database.Tx) error { // as when a person is erased
		changes, err := RemoveSubject(context.Background(), tx, "ursula")
		if err != nil {
			return err
		}
		return tx.Append(context.Background(), time.Now(), changes...)
	}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); say(b) != "[room:big[viewer] room:c[viewer]]viewermember viewer" || say(a) != say(b); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after the erasure: %s, elsewhere %s", say(a), say(b))
		}
	}
}

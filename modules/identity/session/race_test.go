package session

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
)

// However logins, refreshes, logouts and changes of roles fall together: a token that is taken after a change carries the roles of after it,
// and nothing waits for ever.
func TestNoSessionOutlivesAChangeOfRoles(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	n.person("ursula", false)
	a, err := n.Accounts.ByName(ctx, "ursula")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var results []Result
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, on := range []*node{n, other, n} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := on.Login(ctx, attempt("ursula"))
				if err == nil {
					mu.Lock()
					results = append(results, r)
					mu.Unlock()
					r, err = on.Refresh(ctx, r.Tokens.Refresh)
				}
				if err == nil {
					mu.Lock()
					results = append(results, r)
					mu.Unlock()
					if r.Identity.Session[0] < 'M' {
						err = on.Logout(ctx, r.Tokens.Refresh, "")
					}
				}
				if err != nil && !errors.Is(err, ErrCredentials) && !errors.Is(err, ErrSession) {
					t.Error(err)
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(results)
	}
	role := ""
	for i := range 12 {
		role = fmt.Sprint("role", i)
		err := n.DB.InTx(ctx, func(tx *database.Tx) error {
			if err := n.Accounts.SetRoles(ctx, tx, a.ID, []string{role}); err != nil {
				return err
			}
			_, err := EndAll(ctx, tx, n.Now(), a.ID, "", "role changed")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for seen := count(); i < 11 && count() < seen+5; { // let some logins pass
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
	living := 0
	for _, r := range results {
		id, err := other.verify(ctx, r.Tokens.Access)
		switch {
		case err == nil && id.Roles[0] != role:
			t.Fatalf("a session of %s lives after the change to %s", id.Roles[0], role)
		case err == nil:
			living++
		case !errors.Is(err, token.ErrInvalid):
			t.Fatal(err)
		}
	}
	t.Logf("%d tokens given out, %d hold after the last change", len(results), living)
}

package lifecycle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/store"
)

// unlimited counts nothing: the test asks more than anybody may.
type unlimited struct{ store.Store }

func (unlimited) Incr(context.Context, string, time.Duration) (int64, error) { return 1, nil }

// Enumeration by time: of many pairs of requests, one for an address with an account and one for an address without, each is the slower
// one about as often. Where the account took only a little longer, it would be nearly always.
func TestTimeTellsNothing(t *testing.T) {
	h := newHouse(t, Open)
	h.postman.Close() // mail goes out beside; here it would only add noise to both
	t.Cleanup(func() { h.postman.Start(ctx) })
	h.person("ursula", "ursula@example.org")
	h.Store = unlimited{h.Store}
	for name, ask := range map[string]func(known bool, n int) error{
		"reset": func(known bool, n int) error {
			email := fmt.Sprintf("nobod%d@example.org", n%10)
			if known {
				email = "ursula@example.org"
			}
			return h.RequestReset(ctx, email, caller(1))
		},
		"registration, by address": func(known bool, n int) error {
			email := fmt.Sprintf("nobod%d@example.org", n%10)
			if known {
				email = "ursula@example.org"
			}
			_, err := h.Register(ctx, registration("someone", email), caller(1))
			return err
		},
		"registration, by name": func(known bool, n int) error {
			name := fmt.Sprintf("nobod%d", n%10)
			if known {
				name = "ursula"
			}
			_, err := h.Register(ctx, registration(name, "nobody@example.org"), caller(1))
			return err
		},
	} {
		const pairs = 200
		slower := 0
		for n := range pairs {
			var took [2]time.Duration
			first := rand.IntN(2)
			for _, which := range []int{first, 1 - first} {
				began := time.Now()
				if err := ask(which == 1, n); err != nil {
					t.Fatal(name, err)
				}
				took[which] = time.Since(began)
			}
			if took[1] > took[0] {
				slower++
			}
		}
		// Five standard deviations of a fair coin: once in a million runs by chance.
		if slower < pairs/2-36 || slower > pairs/2+36 {
			t.Errorf("%s: the account was the slower one in %d of %d pairs", name, slower, pairs)
		}
	}
}

package e2e

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// tried is one exchange of a refresh token.
type tried struct {
	status          int
	access, refresh string
}

// race exchanges one token many times at once, on every node of the site.
func (s *site) race(t *testing.T, token string, times int) []tried {
	t.Helper()
	all := make([]tried, times)
	clients := make([]*kit.Client, times)
	nodes := s.nodes()
	for i := range clients {
		clients[i] = nodes[i%len(nodes)].Client(t)
		clients[i].Call(t, "GET", "/.well-known/jwks.json", nil).OK(t) // so that all are connected
	}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, c := range clients {
		wg.Go(func() {
			<-start
			a, err := c.Try("POST", "/auth/api/refresh", map[string]string{"refresh_token": token, "delivery": "body"})
			if err != nil {
				t.Error(err)
				return
			}
			all[i].status = a.Status
			if a.Status == http.StatusOK {
				var l struct {
					Access  string `json:"access_token"`
					Refresh string `json:"refresh_token"`
				}
				a.JSON(t, &l)
				all[i].access, all[i].refresh = l.Access, l.Refresh
				kit.Secret(l.Access, l.Refresh)
			}
		})
	}
	close(start)
	wg.Wait()
	return all
}

// Tabs that refresh at the same moment, on different nodes, get one successor; the token before its parent ends all of them, everywhere.
func TestParallelRefreshOnAllNodes(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		u := addUser(t, s.cli(), "rosa", "user")
		c := s.a.Client(t).Login(t, u)
		grandparent := c.Refresh
		c.Renew(t)
		got := s.race(t, c.Refresh, 12)
		for _, one := range got {
			if one.status != http.StatusOK || one.refresh != got[0].refresh {
				t.Fatalf("parallel exchanges: %d, one successor: %v", one.status, one.refresh == got[0].refresh)
			}
		}
		// Stolen tokens at once: all are refused, and the family is dead on every node, within a second.
		for _, one := range s.race(t, grandparent, 6) {
			if one.status != http.StatusUnauthorized {
				t.Errorf("the token of two turns ago: %d", one.status)
			}
		}
		for _, n := range s.nodes() {
			d := n.Client(t)
			d.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": got[0].refresh, "delivery": "body"}).Problem(t, http.StatusUnauthorized)
			d.Access = got[0].access
			kit.Eventually(t, atOnce, "the access token dies on "+n.Name, func() bool {
				return d.Call(t, "GET", "/auth/api/session", nil).Status == http.StatusUnauthorized
			})
		}
	})
}

// A logout and refreshes run at once on different nodes: whatever came first, nothing of the session is good a second later.
func TestNoRefreshOutlivesALogout(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		u := addUser(t, s.cli(), "lena", "user")
		for range 4 {
			c := s.a.Client(t).Login(t, u)
			var got []tried
			var wg sync.WaitGroup
			wg.Go(func() { got = s.race(t, c.Refresh, 6) })
			time.Sleep(5 * time.Millisecond)
			c.On(t, s.b).Logout(t)
			wg.Wait()
			got = append(got, tried{access: c.Access, refresh: c.Refresh})
			for _, one := range got {
				for _, n := range s.nodes() {
					d := n.Client(t)
					if one.refresh != "" {
						d.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": one.refresh, "delivery": "body"}).Problem(t, http.StatusUnauthorized)
					}
					if d.Access = one.access; one.access != "" {
						kit.Eventually(t, atOnce, "the access token dies on "+n.Name, func() bool {
							return d.Call(t, "GET", "/auth/api/session", nil).Status == http.StatusUnauthorized
						})
					}
				}
			}
		}
	})
}

package chaos

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// expiry is how long a gateway's leases last that it does not renew.
const expiry = 6 * time.Second

// slow is a back end that answers when it is let.
type slow struct {
	addr  string
	began chan struct{} // one for each request that has come
}

func startSlow(t *testing.T) *slow {
	t.Helper()
	s, let := &slow{began: make(chan struct{}, 100)}, make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.began <- struct{}{}
		select {
		case <-let:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(let) }) // before Close, which waits for the answers
	s.addr = strings.TrimPrefix(srv.URL, "http://")
	return s
}

// hold sends requests to the node that stay in flight until the test ends, or the node does.
func (s *slow) hold(ctx context.Context, t *testing.T, n *Node, count int, ended *sync.WaitGroup) {
	t.Helper()
	for range count {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+n.Addr+"/held", nil)
		if err != nil {
			t.Fatal(err)
		}
		ended.Go(func() {
			if res, err := http.DefaultClient.Do(r); err == nil { // an error is the end of the node, or of the test
				res.Body.Close()
			}
		})
	}
	for range count {
		select {
		case <-s.began:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: of %d requests some are not in flight", n.Name, count)
		}
	}
}

// What a killed gateway had in flight is free again when its leases end, and what others have in flight is not, however long it lasts.
func TestLeasesOfAKilledGatewayEnd(t *testing.T) {
	r, back := kit.StartRedis(t), startSlow(t)
	lines := fmt.Sprintf("\t\t\tzone flights {\n\t\t\t\tkey global\n\t\t\t\tconcurrent 6 %s\n\t\t\t\tmatch /held\n\t\t\t\ton_failure closed\n\t\t\t}", expiry)
	var all []*Node
	for i := range nodes {
		all = append(all, startNode(t, fmt.Sprintf("gateway-%d", i+1), "redis "+r.URL(), lines, "reverse_proxy "+back.addr))
	}
	dying, living, third := all[0], all[1], all[2]
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	back.hold(ctx, t, dying, 3, &ended)
	back.hold(ctx, t, living, 3, &ended)
	refused := func() bool {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+third.Addr+"/held", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("a request that had to be refused: %v", err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusTooManyRequests
	}
	if !refused() {
		t.Fatal("a seventh request was admitted")
	}
	dying.process.Kill(t)
	c := r.Client(t)
	held := func() int64 {
		keys, err := c.Keys(ctx, "gw:*:flights*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("the keys of what is in flight: %v, %v", keys, err)
		}
		now := clock(t, c)
		n, err := c.ZCount(ctx, keys[0], fmt.Sprint(now.UnixMicro()), "+inf").Result()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	kit.Eventually(t, 30*time.Second, "the end of three leases", func() bool { return held() == 3 })
	back.hold(ctx, t, third, 3, &ended)
	// Longer than the leases last: what is in flight is renewed, and nothing more fits.
	for end := clock(t, c).Add(2 * expiry); clock(t, c).Before(end); time.Sleep(expiry / 10) {
		if n := held(); n != 6 {
			t.Fatalf("%d leases are held, of 6 requests in flight", n)
		}
	}
	if !refused() {
		t.Error("a seventh request was admitted")
	}
}

package rolling

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// lookEvery is how often the balancer asks. The gateways' shutdown_delay is many times longer.
const lookEvery = 100 * time.Millisecond

// member is a gateway as the balancer knows it.
type member struct {
	name, addr, ready string // ready: the URL of its /readyz
	in                bool
	left              int // how often it was taken out
}

// balancer is a load balancer as small as one can be: it passes TCP connections on to a gateway whose /readyz says 200, tries another where one can't be reached,
// and leaves connections alone that are there.
type balancer struct {
	addr string

	mu      sync.Mutex
	members []*member
	next    int
	conns   map[net.Conn]bool
}

func balance(t *testing.T, members ...*member) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", kit.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{addr: l.Addr().String(), members: members, conns: map[net.Conn]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() { b.watch(ctx, m) })
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { b.serve(c) })
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		b.mu.Lock()
		for c := range b.conns {
			c.Close()
		}
		b.mu.Unlock()
		all.Wait()
	})
	return b
}

// watch takes the member out with its first answer that is not 200, and in with its first that is.
func (b *balancer) watch(ctx context.Context, m *member) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		in := false
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.ready, nil)
		if err != nil {
			return
		}
		if resp, err := client.Do(r); err == nil {
			in = resp.StatusCode == http.StatusOK
			resp.Body.Close()
		}
		b.mu.Lock()
		if m.in && !in {
			m.left++
		}
		m.in = in
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *balancer) isIn(m *member) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return m.in
}

// pick is a connection to a member that is in, in turn; from is the client's own address, so that limits count it.
func (b *balancer) pick(from net.Addr) net.Conn {
	ip := from.(*net.TCPAddr).IP
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: ip}}
	for range 2 * len(b.members) {
		b.mu.Lock()
		m := b.members[b.next%len(b.members)]
		b.next++
		in := m.in
		b.mu.Unlock()
		if !in {
			continue
		}
		if c, err := d.Dial("tcp", m.addr); err == nil {
			return c
		}
	}
	return nil
}

func (b *balancer) serve(client net.Conn) {
	defer b.hold(client)()
	back := b.pick(client.RemoteAddr())
	if back == nil {
		return
	}
	defer b.hold(back)()
	var both sync.WaitGroup
	both.Go(func() { pass(back, client) })
	both.Go(func() { pass(client, back) })
	both.Wait()
}

// hold keeps the connection for the end of the test, and closes it when it is done with.
func (b *balancer) hold(c net.Conn) (done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns[c] = true
	return func() {
		c.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.conns, c)
	}
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // that one has gone is told the other by the end
	_ = to.(*net.TCPConn).CloseWrite()
}

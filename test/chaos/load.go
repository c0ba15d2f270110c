package chaos

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// load is clients that ask as fast as they are answered, each from an address of its own, each in turn at all nodes.
type load struct {
	nodes   []*Node
	clients int
	path    string
	pace    time.Duration // between two requests of one client; 0: none
}

// tally is what clients saw.
type tally struct {
	admitted, refused, unavailable, failed int
	took                                   []time.Duration // of each answer
	errs                                   []error
	byClient                               []int // admitted
}

func (a *tally) add(b tally) {
	a.admitted, a.refused, a.unavailable, a.failed = a.admitted+b.admitted, a.refused+b.refused, a.unavailable+b.unavailable, a.failed+b.failed
	a.took, a.errs = append(a.took, b.took...), append(a.errs, b.errs...)
	a.byClient = append(a.byClient, b.admitted)
}

func (a *tally) sent() int { return a.admitted + a.refused + a.unavailable + a.failed }

// at is how long the answer took that this share of all, in percent, did not outlast.
func (a *tally) at(percent int) time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	slices.Sort(a.took)
	return a.took[(len(a.took)-1)*percent/100]
}

// run sends until the context ends, and then waits for the answers that are still due.
func (l load) run(ctx context.Context) *tally {
	var all tally
	var mu sync.Mutex
	var clients sync.WaitGroup
	for range l.clients {
		ip := kit.ClientIP()
		clients.Go(func() {
			one := l.client(ctx, ip)
			mu.Lock()
			defer mu.Unlock()
			all.add(one)
		})
	}
	clients.Wait()
	return &all
}

// lasting runs for a while.
func (l load) lasting(d time.Duration) *tally {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return l.run(ctx)
}

// client is one of them.
func (l load) client(ctx context.Context, ip string) (one tally) {
	dial := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	transport := &http.Transport{DialContext: dial.DialContext, DisableCompression: true}
	defer transport.CloseIdleConnections()
	c := http.Client{Transport: transport, Timeout: time.Minute}
	for i := 0; ctx.Err() == nil; i++ {
		start := time.Now()
		status, err := get(&c, "http://"+l.nodes[i%len(l.nodes)].Addr+l.path)
		switch {
		case err != nil:
			one.failed, one.errs = one.failed+1, append(one.errs, err)
			continue
		case status == http.StatusOK:
			one.admitted++
		case status == http.StatusTooManyRequests:
			one.refused++
		case status == http.StatusServiceUnavailable:
			one.unavailable++
		default:
			one.failed++
		}
		one.took = append(one.took, time.Since(start))
		if l.pace > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(l.pace):
			}
		}
	}
	return one
}

func get(c *http.Client, url string) (int, error) {
	res, err := c.Get(url)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

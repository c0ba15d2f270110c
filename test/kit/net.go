package kit

import (
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/test/listen"
)

// FreePort returns a loopback TCP port that nothing listens on.
func FreePort(t T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(FreeAddr(t))
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	return n
}

// FreeAddr returns 127.0.0.1 with a free port.
func FreeAddr(t T) string {
	t.Helper()
	addr, err := listen.Free()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return addr
}

var lastIP atomic.Uint32

// ClientIP returns a loopback address that no client of this test binary had before: a gateway counts
// clients by address, and so tests do not use up each other's limits. 127.0.0.1 is the browser's.
func ClientIP() string {
	n := lastIP.Add(1)
	return net.IPv4(127, 1, byte(n>>8), byte(n)).String()
}

// Eventually calls f until it returns true, and fails the test after the time.
func Eventually(t T, within time.Duration, what string, f func() bool) {
	t.Helper()
	end := time.Now().Add(within)
	for !f() {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

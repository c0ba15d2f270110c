package kit

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// FreePort returns a loopback TCP port that nothing listens on.
func FreePort(t T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// FreeAddr returns 127.0.0.1 with a free port.
func FreeAddr(t T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
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

// listeners counts the sockets that listen on the port of addr (proc_net_tcp(5)).
func listeners(t T, addr string) int {
	t.Helper()
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	const listening = "0A"
	n := 0
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("counting listeners: %v", err)
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) > 3 && f[3] == listening && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", ap.Port())) {
				n++
			}
		}
	}
	return n
}

// Package listen tells which sockets listen on this machine, so that a test of a reload asks the new configuration.
//
// Caddy answers that a configuration is loaded while the listener of the one before may still take connections, which it then answers, or ends
// without an answer. A test that asks at once meets that when the machine is busy.
package listen

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

const patience = 10 * time.Second

// Alone waits until at most one socket listens at addr.
func Alone(addr string) error {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		n, err := Count(addr)
		if err != nil || n <= 1 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d sockets still listen at %s", n, addr)
		}
	}
}

// Count is how many sockets, of all processes, listen at the port of addr, as 127.0.0.1:8080 (proc_net_tcp(5)).
func Count(addr string) (n int, err error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, fmt.Errorf("counting listeners: %w", err)
	}
	const listening = "0A"
	port := fmt.Sprintf(":%04X", ap.Port())
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("counting listeners: %w", err)
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) > 3 && f[3] == listening && strings.HasSuffix(f[1], port) {
				n++
			}
		}
	}
	return n, nil
}

// Lowest and highest of the ports that Free gives: below those that Linux takes for connections that programs open (32768 on,
// ip_local_port_range), one of which may else be at the port before whoever asked for it listens there.
const (
	lowest  = 10_000
	highest = 32_000
)

// Free returns 127.0.0.1 with a port at which nothing listens.
func Free() (addr string, err error) {
	for range 100 {
		addr = fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("finding a free port: %w", err)
}

// Package listen tells which sockets listen on this machine, so that a test of a reload asks the new configuration.
//
// Caddy answers that a configuration is loaded while the listener of the one before may still take connections, which it then answers, or ends
// without an answer. A test that asks at once meets that when the machine is busy.
package listen

import (
	"fmt"
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

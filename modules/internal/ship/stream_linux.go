package ship

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many bytes were written that the other machine has not acknowledged.
func unacknowledged(c *net.TCPConn) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("reaching the connection: %w", err)
	}
	var of error
	if err := raw.Control(func(fd uintptr) { n, of = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0, fmt.Errorf("reaching the connection: %w", err)
	}
	if of != nil {
		return 0, fmt.Errorf("asking the kernel: %w", of)
	}
	return n, nil
}

//go:build !linux

package ship

import "net"

// unacknowledged is not to be known here: what the kernel took counts as sent.
func unacknowledged(*net.TCPConn) (int, error) { return 0, nil }

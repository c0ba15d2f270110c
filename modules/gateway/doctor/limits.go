package doctor

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// Machine is what the kernel allows this process. A test gives its own.
type Machine struct {
	Root        string // "/"
	Descriptors uint64 // soft limit
	MemoryLimit int64  // of Go (GOMEMLIMIT), in bytes; math.MaxInt64: none
}

// ThisMachine asks the kernel and the runtime.
func ThisMachine() Machine {
	m := Machine{Root: "/", MemoryLimit: debug.SetMemoryLimit(-1)}
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err == nil {
		m.Descriptors = r.Cur
	}
	return m
}

// Limits judges them. They are this process's: run it as the gateway runs.
func (m Machine) Limits() []Finding {
	var all []Finding
	switch {
	case m.Descriptors < 1024:
		all = append(all, fail("limit-files", "raise it: LimitNOFILE= of systemd, ulimits of a container", "%d open files are allowed: a socket takes two", m.Descriptors))
	case m.Descriptors < 65536:
		all = append(all, warn("limit-files", "raise it to 65536 or more: LimitNOFILE= of systemd, ulimits of a container", "%d open files are allowed: a socket takes two", m.Descriptors))
	default:
		all = append(all, ok("limit-files", "%d open files are allowed", m.Descriptors))
	}
	if n, known := m.number("proc/sys/net/core/somaxconn"); known {
		if n < 1024 {
			all = append(all, warn("limit-backlog", "sysctl -w net.core.somaxconn=4096", "%d connections may wait to be accepted", n))
		} else {
			all = append(all, ok("limit-backlog", "%d connections may wait to be accepted", n))
		}
	}
	return append(all, m.memory())
}

func (m Machine) memory() Finding {
	limit, known := m.number("sys/fs/cgroup/memory.max")
	if !known {
		if limit, known = m.number("sys/fs/cgroup/memory/memory.limit_in_bytes"); limit > 1<<50 {
			known = false
		}
	}
	bound := m.MemoryLimit
	const do = "set GOMEMLIMIT to some nine tenths of what the container may use"
	switch {
	case !known && bound == math.MaxInt64:
		return ok("limit-memory", "neither a container nor GOMEMLIMIT bounds memory")
	case !known:
		return ok("limit-memory", "GOMEMLIMIT is %d MiB", bound>>20)
	case limit < 256<<20:
		return warn("limit-memory", "give it 512 MiB or more: the WAF's rules alone take a hundred", "the container may use %d MiB", limit>>20)
	case bound == math.MaxInt64:
		return warn("limit-memory", do, "the container may use %d MiB, of which Go knows nothing: it is killed rather than made to tidy up", limit>>20)
	case bound > limit:
		return fail("limit-memory", do, "GOMEMLIMIT (%d MiB) is above what the container may use (%d MiB)", bound>>20, limit>>20)
	}
	return ok("limit-memory", "the container may use %d MiB, GOMEMLIMIT is %d MiB", limit>>20, bound>>20)
}

// number reads a file with one; "max" is none.
func (m Machine) number(path string) (int64, bool) {
	raw, err := os.ReadFile(filepath.Join(m.Root, path))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n, err == nil
}

package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Child is a process that a started process has started. An id alone may be another's later, so
// its start time goes with it.
type Child struct {
	PID   int
	Name  string
	start string
}

// Descendants lists the children of the process, and theirs.
func Descendants(pid int) []Child {
	byParent := map[int][]Child{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, f := range stats {
		c, parent, _, ok := readStat(f)
		if ok {
			byParent[parent] = append(byParent[parent], c)
		}
	}
	var all []Child
	for queue := byParent[pid]; len(queue) > 0; queue = queue[1:] {
		all = append(all, queue[0])
		queue = append(queue, byParent[queue[0].PID]...)
	}
	return all
}

// Alive tells whether the process still runs; a dead one that nobody has waited for does not.
func (c Child) Alive() bool {
	now, _, state, ok := readStat(fmt.Sprintf("/proc/%d/stat", c.PID))
	return ok && now.start == c.start && state != "Z" && state != "X"
}

func (c Child) kill() {
	if c.Alive() {
		_ = syscall.Kill(c.PID, syscall.SIGKILL) // an error says that it has just ended
	}
}

// readStat reads a stat file as proc(5) has it.
func readStat(file string) (c Child, parent int, state string, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return c, 0, "", false
	}
	s := string(b)
	// The name is in brackets and may hold any byte, brackets too.
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return c, 0, "", false
	}
	f := strings.Fields(s[end+1:])
	if len(f) < 20 {
		return c, 0, "", false
	}
	c.PID, _ = strconv.Atoi(strings.TrimSpace(s[:open]))
	parent, _ = strconv.Atoi(f[1])
	c.Name, c.start = s[open+1:end], f[19]
	return c, parent, f[0], true
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/convosphere/gateway/test/kit"
)

// limit gives each process this share of one processor, by control groups of either version, until the test ends. The error says that there are none
// that this user may make.
func limit(t kit.T, share float64, pids ...int) error {
	for _, pid := range pids {
		if err := limitOne(t, share, pid); err != nil {
			return err
		}
	}
	return nil
}

const period = 20_000 // microseconds: short, so that a request waits little for the next

func limitOne(t kit.T, share float64, pid int) error {
	quota := strconv.Itoa(int(share * period))
	root, file, text := "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", quota
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		root, file, text = "/sys/fs/cgroup", "cpu.max", fmt.Sprintf("%s %d", quota, period)
	}
	dir := filepath.Join(root, fmt.Sprintf("convosphere-scale-%d", pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	t.Cleanup(func() {
		_ = put(root, pid) // it may have ended
		if err := os.Remove(dir); err != nil {
			t.Errorf("the control group: %v", err)
		}
	})
	if file == "cpu.cfs_quota_us" {
		if err := os.WriteFile(filepath.Join(dir, "cpu.cfs_period_us"), []byte(strconv.Itoa(period)), 0o644); err != nil {
			return err
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644), put(dir, pid))
}

func put(dir string, pid int) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

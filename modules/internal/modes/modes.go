// Package modes looks whether files that a gateway keeps are its user's alone, as a restored backup, an unpacked archive or a careless chmod may
// have left them otherwise.
package modes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// mostFiles bounds a walk: of a folder with more, the rest is not looked at, since a load must not take minutes.
const mostFiles = 100_000

// shown is how many files an error names.
const shown = 5

// Check walks the paths, files or folders, and returns an error that names what others than the owner can read or write, and what to run. Folders may be
// listed by others, as long as nobody else can put files into them. What is missing is fine, links are not followed, and files that go meanwhile
// are passed over.
func Check(paths ...string) error {
	var bad []string
	count := 0
	for _, path := range paths {
		if to, err := filepath.EvalSymlinks(path); err == nil {
			path = to // a data folder is often a link to another disk; what lies in it is not followed
		}
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if count++; count > mostFiles {
				return fs.SkipAll
			}
			open, err := isOpen(d)
			if open {
				bad = append(bad, path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("looking at the modes of files: %w", err)
		}
	}
	return complaint(bad)
}

// CheckFolder returns an error for a folder that everybody may write to: whoever does can put a folder of their own in the place of one that is kept there. Its group may
// (Kubernetes' fsGroup has it so), and so may everybody where the sticky bit keeps others' files. One that is missing is fine.
func CheckFolder(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the modes of files: %w", err)
	}
	if info.IsDir() && anybodys(info.Mode(), mounted(info)) {
		return fmt.Errorf("everybody may write to the folder %s (mode %o): run chmod o-w on it", path, info.Mode().Perm())
	}
	return nil
}

// anybodys tells whether everybody may put other files in the place of those in the folder. One of root's that has our own group set is Kubernetes' emptyDir with an fsGroup:
// it has mode 2777, which its user can't change, and lies where only the pod gets.
func anybodys(mode fs.FileMode, mounted bool) bool {
	return mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 && (!mounted || mode&fs.ModeSetgid == 0)
}

// isOpen tells whether others can read or write the file, or write into the folder.
func isOpen(d fs.DirEntry) (bool, error) {
	if !d.Type().IsRegular() && !d.IsDir() {
		return false, nil // sockets have modes of their own; of links the target counts
	}
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if d.IsDir() {
		return info.Mode().Perm()&0o022 != 0, nil
	}
	return Others(info), nil
}

// Others tells whether others than this process's user can read or write the file. A file of root's that our own group reads is ours: so does Kubernetes
// mount secrets for a user who is not root (fsGroup). Root's own group is not: it is many's, as of each user whom a container has no group for. Who else is in
// another group nothing here can ask (that is the directory's to say), and root has put the file into it: that is taken (open), so a user of one's own needs a
// group of one's own.
func Others(info fs.FileInfo) bool {
	return others(info.Mode().Perm(), mounted(info))
}

// mounted tells whether it is root's, for our own group.
func mounted(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && forGroup(st.Uid, st.Gid, os.Geteuid(), os.Getegid())
}

// forGroup tells whether what belongs to a user and a group was put there by root for the group of a process. Root needs no group to read it by.
func forGroup(uid, gid uint32, euid, egid int) bool {
	return uid == 0 && euid != 0 && gid != 0 && int(gid) == egid
}

func others(perm fs.FileMode, mounted bool) bool {
	if mounted {
		perm &^= 0o040
	}
	return perm&0o077 != 0
}

func complaint(bad []string) error {
	if len(bad) == 0 {
		return nil
	}
	more := ""
	if n := len(bad) - shown; n > 0 {
		bad, more = bad[:shown], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("other users can read or change what the gateway keeps: %s%s: run chmod -R go-rwx on it", strings.Join(bad, ", "), more)
}

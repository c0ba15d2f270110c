package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/convosphere/gateway/modules/internal/modes"
)

// Folders looks at the gateway's own folders and files: that they are there, belong to one user, are nobody else's to read, and can be written.
func Folders(data, keys, database string) []Finding {
	info, err := os.Stat(data)
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{warn("data-folder", "start the gateway once, or name another folder with --config or --data", "%s is not there", data)}
	}
	if err != nil {
		return []Finding{fail("data-folder", "run this as the gateway's user", "%s can't be looked at: %v", data, err)}
	}
	all := []Finding{writable(data, info)}
	paths := []string{data}
	others := []string{keys}
	if database != "" {
		others = append(others, database, database+"-wal", database+"-shm")
	}
	for _, path := range others {
		if !strings.HasPrefix(path, data+string(filepath.Separator)) { // or it is looked at with all of it
			paths = append(paths, path)
		}
	}
	if err := modes.Check(paths...); errors.Is(err, fs.ErrPermission) {
		all = append(all, fail("file-modes", "run this as the gateway's user", "%v", err))
	} else if err != nil {
		all = append(all, fail("file-modes", "run chmod -R go-rwx on what is named", "%v", err))
	} else {
		all = append(all, ok("file-modes", "nobody else can read or change what the gateway keeps"))
	}
	return append(all, owners(data, paths))
}

// writable tries whether this process may write the folder, without leaving anything.
func writable(data string, info fs.FileInfo) Finding {
	if !info.IsDir() {
		return fail("data-folder", "name a folder", "%s is no folder", data)
	}
	f, err := os.CreateTemp(data, ".doctor-*")
	if err != nil {
		return fail("data-folder", "give the folder to the gateway's user, and mount it read-write", "%s can't be written: %v", data, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fail("data-folder", "look at the disk", "%s can't be written: %v", data, err)
	}
	return ok("data-folder", "%s can be written", data)
}

// owners looks whether all is the folder's owner's: what root has made the gateway can't read.
func owners(data string, paths []string) Finding {
	want, err := ownerOf(data)
	if err != nil {
		return fail("file-owners", "run this as the gateway's user", "%v", err)
	}
	var odd []string
	for _, path := range paths {
		seen := 0
		_ = filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
			if err != nil || len(odd) > 4 {
				return nil // what can't be looked at, or is not there, has findings of its own
			}
			if seen++; seen > 100_000 {
				return fs.SkipAll
			}
			if uid, err := ownerOf(p); err == nil && uid != want {
				odd = append(odd, p)
			}
			return nil
		})
	}
	if len(odd) > 0 {
		return fail("file-owners", fmt.Sprintf("run chown -R to user %d on them", want), "%v belong to another user than %s", odd, data)
	}
	return ok("file-owners", "all is user %d's", want)
}

func ownerOf(path string) (uint32, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	s, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return 0, fmt.Errorf("%s has no owner", path)
	}
	return s.Uid, nil
}

// Space is how much of a file system is free.
type Space struct{ Bytes, Of, Files, OfFiles uint64 }

// SpaceOf asks for a folder's.
func SpaceOf(path string) (Space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Space{}, err
	}
	size := uint64(s.Bsize)
	return Space{s.Bavail * size, s.Blocks * size, s.Ffree, s.Files}, nil
}

// Room judges a file system. need is what will be written there at once.
func Room(check, path string, s Space, need uint64) Finding {
	share := func(part, of uint64) float64 {
		if of == 0 {
			return 1 // a file system that counts none
		}
		return float64(part) / float64(of)
	}
	free := min(share(s.Bytes, s.Of), share(s.Files, s.OfFiles))
	const do = "free some, or give it a larger disk: a full one loses events, and stops the database"
	switch {
	case s.Bytes < 64<<20 || free < 0.01:
		return fail(check, do, "%s has %d MiB and %.0f%% left", path, s.Bytes>>20, free*100)
	case s.Bytes < 1<<30 || free < 0.1:
		return warn(check, do, "%s has %d MiB and %.0f%% left", path, s.Bytes>>20, free*100)
	case s.Bytes < need:
		return warn(check, do, "%s has %d MiB left, and %d will be needed at once", path, s.Bytes>>20, need>>20)
	}
	return ok(check, "%s has %d MiB and %.0f%% left", path, s.Bytes>>20, free*100)
}

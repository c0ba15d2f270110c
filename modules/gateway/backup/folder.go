package backup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// File is one of a folder's backups.
type File struct {
	Path   string
	Made   time.Time // as its name has it
	Node   string    // as its name has it
	Size   int64
	Header Header // readable without the secret, and not known to be genuine
	Err    error  // its header can't be read
}

const (
	suffix     = ".backup"
	damaged    = ".damaged" // behind the name of one that failed its verification
	nameTime   = "20060102T150405Z"
	unfinished = ".backup-"
)

// ownName is what a schedule calls its files. It touches no others.
var ownName = regexp.MustCompile(`^convosphere-(\d{8}T\d{6}Z)-([A-Za-z0-9._-]{1,63})\.backup$`)

// fileName is what a backup is called that this node makes now.
func fileName(now time.Time, node string) string {
	return "convosphere-" + now.UTC().Format(nameTime) + "-" + node + suffix
}

func ofName(name string) (made time.Time, node string, ok bool) {
	m := ownName.FindStringSubmatch(name)
	if m == nil {
		return made, "", false
	}
	made, err := time.Parse(nameTime, m[1])
	return made, m[2], err == nil
}

// List lists the backups that schedules have made in a folder, the newest first. A folder that is missing has none.
func List(folder string) ([]File, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the backups: %w", err)
	}
	var all []File
	for _, e := range entries {
		made, node, ok := ofName(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		f := File{Path: filepath.Join(folder, e.Name()), Made: made, Node: node}
		if info, err := e.Info(); err == nil {
			f.Size = info.Size()
		}
		f.Header, f.Err = headerOf(f.Path)
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b File) int {
		return cmp.Or(b.Made.Compare(a.Made), strings.Compare(a.Path, b.Path))
	})
	return all, nil
}

func headerOf(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	h, err := ReadHeader(f)
	return h, errors.Join(err, f.Close())
}

// Latest is the newest backup of a folder whose header can be read.
func Latest(folder string) (File, error) {
	all, err := List(folder)
	if err != nil {
		return File{}, err
	}
	at := slices.IndexFunc(all, func(f File) bool { return f.Err == nil })
	if at < 0 {
		return File{}, fmt.Errorf("there is no backup in %s", folder)
	}
	return all[at], nil
}

// Keep says which backups of a folder stay: so many of the newest, and the newest of so many days and weeks that have any. By what stands in the folder, not by
// the clock: one that jumps ahead deletes nothing. What says that it was made later than now, by another clock, counts for nothing and stays.
type Keep struct{ Last, Daily, Weekly int }

// kept tells which of the times, the newest first, stay.
func (k Keep) kept(made []time.Time) []bool {
	stay := make([]bool, len(made))
	for i := range min(k.Last, len(made)) {
		stay[i] = true
	}
	newestOf(made, stay, k.Daily, func(t time.Time) [2]int { return [2]int{t.Year(), t.YearDay()} })
	newestOf(made, stay, k.Weekly, func(t time.Time) (w [2]int) {
		w[0], w[1] = t.ISOWeek()
		return w
	})
	return stay
}

// newestOf keeps the newest of each of the n newest spans.
func newestOf(made []time.Time, stay []bool, n int, span func(time.Time) [2]int) {
	var last [2]int
	for i, t := range made {
		if n == 0 {
			return
		}
		if s := span(t.UTC()); s != last {
			last = s
			stay[i] = true
			n--
		}
	}
}

// tidy removes what need not be kept any more, after good was made and verified: that one stays in any case, and so there is always one. What was left unfinished a day
// ago goes, too, and so do damaged ones but for the last.
func tidy(folder, good string, keep Keep, now time.Time) error {
	all, err := List(folder)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(f File) bool { return f.Made.After(now.Add(ahead)) })
	made := make([]time.Time, len(all))
	for i, f := range all {
		made[i] = f.Made
	}
	var failed []error
	for i, stay := range keep.kept(made) {
		if !stay && all[i].Path != good {
			failed = append(failed, os.Remove(all[i].Path))
		}
	}
	failed = append(failed, sweep(folder, now))
	return errors.Join(failed...)
}

// sweep removes what lies about.
func sweep(folder string, now time.Time) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var failed []error
	var broken []string
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		whole, isDamaged := strings.CutSuffix(e.Name(), damaged)
		switch _, _, ours := ofName(whole); {
		case isDamaged && ours:
			broken = append(broken, path)
		case strings.HasPrefix(e.Name(), unfinished) && e.Type().IsRegular():
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > 24*time.Hour {
				failed = append(failed, os.Remove(path))
			}
		}
	}
	for _, path := range broken[:max(0, len(broken)-1)] { // in the order of their names, which is that of time
		failed = append(failed, os.Remove(path))
	}
	return errors.Join(failed...)
}

package backup

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func times(t *testing.T, all ...string) (out []time.Time) {
	t.Helper()
	for _, s := range all {
		at, err := time.Parse(time.DateOnly+" 15", s)
		must(t, err)
		out = append(out, at)
	}
	return out
}

func TestWhatStays(t *testing.T) {
	made := times(t, "2026-11-27 12", "2026-11-27 06", "2026-11-26 06", "2026-11-25 06", "2026-11-20 06", "2026-11-19 06", "2026-11-01 06", "2025-11-01 06")
	for _, c := range []struct {
		keep Keep
		want []int
	}{
		{Keep{Last: 1}, []int{0}},
		{Keep{Last: 3}, []int{0, 1, 2}},
		{Keep{Last: 1, Daily: 3}, []int{0, 2, 3}},
		{Keep{Last: 2, Weekly: 3}, []int{0, 1, 4, 6}},
		{Keep{Last: 100}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{Keep{Daily: 100}, []int{0, 2, 3, 4, 5, 6, 7}},
	} {
		var got []int
		for i, stays := range c.keep.kept(made) {
			if stays {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.keep, got, c.want)
		}
	}
}

// Whatever is kept: the newest is, and as many as the numbers say at most.
func TestTheNewestAlwaysStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Keep{Last: rapid.IntRange(1, 5).Draw(t, "last"), Daily: rapid.IntRange(0, 5).Draw(t, "daily"), Weekly: rapid.IntRange(0, 5).Draw(t, "weekly")}
		at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
		var made []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "files") {
			made = append(made, at)
			at = at.Add(-time.Duration(rapid.IntRange(0, 2000).Draw(t, "minutes")) * time.Minute)
		}
		stay := k.kept(made)
		n := 0
		for _, s := range stay {
			if s {
				n++
			}
		}
		if !stay[0] || n > k.Last+k.Daily+k.Weekly || n < min(k.Last, len(made)) {
			t.Fatalf("%+v: %v of %v", k, stay, made)
		}
	})
}

// Only what a schedule has named is removed, and never the one that was just made, whatever the clocks of others said.
func TestTidyTouchesNothingElse(t *testing.T) {
	dir := t.TempDir()
	day := func(d int) string { return fileName(time.Date(2026, 11, d, 3, 0, 0, 0, time.UTC), "a") }
	good := day(20)
	old := time.Now().Add(-48 * time.Hour)
	// Those of a node whose clock is wrong hold no places of the good ones.
	ahead := []string{fileName(time.Now().AddDate(10, 0, 0), "b"), fileName(time.Now().AddDate(10, 0, 1), "b")}
	for _, name := range []string{
		good, day(21), day(22), day(19), day(18), "mine.backup", "convosphere-notes.backup", ".backup-123", ".backup-456",
		day(1) + damaged, day(2) + damaged, "other.damaged", ahead[0], ahead[1],
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	must(t, os.Chtimes(filepath.Join(dir, ".backup-123"), old, old))
	must(t, os.Mkdir(filepath.Join(dir, day(3)), 0o700))
	must(t, tidy(dir, filepath.Join(dir, good), Keep{Last: 2}, time.Now()))
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want := []string{good, day(21), day(22), "mine.backup", "convosphere-notes.backup", ".backup-456", day(2) + damaged, "other.damaged", day(3), ahead[0], ahead[1]}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("left %v\nwant %v", got, want)
	}
}

package modes

import (
	"io/fs"
	"testing"
)

// Only that root's file is read by our own group is let pass; that anybody writes it, or that others read it, is not.
func TestOthers(t *testing.T) {
	for _, c := range []struct {
		perm    fs.FileMode
		mounted bool
		want    bool
	}{
		{0o600, false, false}, {0o400, false, false}, {0o440, false, true}, {0o640, false, true}, {0o604, false, true},
		{0o440, true, false}, {0o640, true, false}, {0o400, true, false}, {0o460, true, true}, {0o444, true, true}, {0o644, true, true}, {0o450, true, true},
	} {
		if got := others(c.perm, c.mounted); got != c.want {
			t.Errorf("%o, a mounted secret %v: open to others %v", c.perm, c.mounted, got)
		}
	}
}

// Root's group is many's, and no process's own; root itself reads by its user.
func TestForGroup(t *testing.T) {
	for _, c := range []struct {
		uid, gid   uint32
		euid, egid int
		want       bool
	}{
		{0, 65532, 65532, 65532, true}, {0, 0, 65532, 0, false}, {0, 0, 0, 0, false}, {0, 65532, 0, 65532, false},
		{0, 65532, 65532, 100, false}, {1000, 65532, 65532, 65532, false},
	} {
		if got := forGroup(c.uid, c.gid, c.euid, c.egid); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

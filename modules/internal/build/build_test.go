package build

import (
	"runtime/debug"
	"testing"
)

func TestVersionOfModule(t *testing.T) {
	ours := func(version string) *debug.Module { return &debug.Module{Path: module, Version: version} }
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"from a clone without history": {debug.BuildInfo{Main: *ours("(devel)")}, "devel"},
		"from a clone":                 {debug.BuildInfo{Main: *ours("v1.2.3")}, "v1.2.3"},
		"in somebody's own Caddy":      {debug.BuildInfo{Main: debug.Module{Path: "caddy"}, Deps: []*debug.Module{{Path: "other", Version: "v9.9.9"}, ours("v1.2.3")}}, "v1.2.3"},
		"in place of another version":  {debug.BuildInfo{Main: debug.Module{Path: "caddy"}, Deps: []*debug.Module{{Path: module, Version: "v1.2.3", Replace: ours("v1.2.4")}}}, "v1.2.4"},
		"from a folder":                {debug.BuildInfo{Main: debug.Module{Path: "caddy"}, Deps: []*debug.Module{{Path: module, Version: "v1.2.3", Replace: &debug.Module{Path: "."}}}}, "devel"},
		"without us":                   {debug.BuildInfo{Main: debug.Module{Path: "caddy", Version: "v2.11.9"}}, "devel"},
	} {
		if got := of(&c.info); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTextNamesTheCommit(t *testing.T) {
	defer func(v, c string) { version, commit = v, c }(version, commit)
	version, commit = "v1.2.3", "0123456789ABCDEF0123"
	if got := Text(); got != "v1.2.3 (0123456789ab)" {
		t.Errorf("%q", got)
	}
	version, commit = "v1.2.3", ""
	if got := Text(); got != "v1.2.3" {
		t.Errorf("%q", got)
	}
}

// Package build tells which gateway this is.
package build

import (
	"runtime/debug"
	"strings"
)

const module = "github.com/convosphere/gateway"

// version and commit are written by the linker in releases (deploy/release/compile) and in images (deploy/Dockerfile).
var version, commit string

// Version is that of the release, or of the module where somebody's own Caddy was built with it: v1.2.3, a pseudo-version, or devel.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return of(info)
}

func of(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != module {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}

// Text is the version, and the commit where the release says it.
func Text() string {
	if commit == "" {
		return Version()
	}
	return Version() + " (" + strings.ToLower(commit[:min(len(commit), 12)]) + ")"
}

// Package pack is the rules that come with the gateway: Sigma rules and correlations over its events, in rules/, a folder for each subject. What they
// see, why, and where their limits are from stands in the files; the README lists them. Tests of the rules stand beside them.
package pack

import (
	"embed"
	"io/fs"
)

//go:embed rules/*/*.yml
var files embed.FS

// FS is the rule files.
func FS() fs.FS {
	sub, err := fs.Sub(files, "rules")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Package modules holds the README of each module, so that the program can show them: `convosphere directive`.
package modules

import "embed"

// READMEs are the pages, by the folder of their module: "waf/README.md".
//
//go:embed */README.md
var READMEs embed.FS

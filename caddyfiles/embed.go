// Package caddyfiles is the example configurations. The demo runs from them.
package caddyfiles

import "embed"

// FS holds the Caddyfiles, *.Caddyfile whole ones and *.caddy pieces to import.
//
//go:embed *.Caddyfile *.caddy
var FS embed.FS

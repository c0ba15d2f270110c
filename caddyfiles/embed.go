// Package caddyfiles is the example configurations. The demo runs from them.
package caddyfiles

import "embed"

// FS holds the Caddyfiles, *.Caddyfile whole ones, *.caddy pieces to import and *.conf rules for gw_waf.
//
//go:embed *.Caddyfile *.caddy *.conf
var FS embed.FS

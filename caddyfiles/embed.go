// Package caddyfiles is the example configurations. The demo runs from them.
package caddyfiles

import "embed"

// FS holds the Caddyfiles, *.Caddyfile whole ones, *.caddy pieces to import, *.conf rules for gw_waf and
// *.yaml documents for gw_validate.
//
//go:embed *.Caddyfile *.caddy *.conf *.yaml
var FS embed.FS

// Package policies holds the policy that the gateway decides by where it is given no other: Rego with its data. The
// tests beside it (_test.rego) run with go test.
package policies

import "embed"

// FS holds the modules and data.json.
//
//go:embed *.rego data.json
var FS embed.FS

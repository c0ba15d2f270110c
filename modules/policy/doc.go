// Package policy is the app gw_policy: it decides, by Rego (package engine) and by what was granted (package grant).
//
// The gateway app loads it; handlers ask it through interfaces of their own. It fails closed: what it can't decide, it
// refuses, with a reason. A configuration whose policy does not compile does not load.
package policy

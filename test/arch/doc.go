// Package arch holds the rules of the house (DESIGN.md, section 1) as tests: who may import whom, what the build
// manifest says, and that every directive is registered, ordered, documented and used by a Caddyfile that loads.
package arch

// Package explain is what `convosphere waf explain` reads and prints: a raw request as a person writes it down, and the report on what
// the rules make of it. The rules themselves are run by package waf.
package explain

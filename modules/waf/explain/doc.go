// Package explain is what `convosphere waf explain` prints: the report on what the rules make of a request. The rules themselves are run by package waf.
package explain

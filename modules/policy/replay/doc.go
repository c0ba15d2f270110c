// Package replay decides captured inputs again by another policy, as of the time they came, and says which decisions flip, and by which rule.
package replay

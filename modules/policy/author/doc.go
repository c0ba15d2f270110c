// Package author is what the commands for who writes a policy do: check it, run its tests, format it, measure it, and begin a new one.
// It reads and writes no configuration; what a policy is and how it is evaluated is package engine's.
package author

// Package leak is the screen before the response rules: it tells, in one pass over a text, whether any of them could match it.
//
// It knows the rules' own patterns. Of each expression it takes literals that every match begins with, or holds, finds all literals of all rules at
// once, and asks the expression itself only where they stand. It may be wrong in one direction only: it never says clean of a text that
// a rule would match.
package leak

// Package screen tells, before any rule is run, which rules of a Coraza configuration can't match a request or an answer, at a small part of what running them
// costs. Usually that is all of them, and then none needs to be run.
//
// # Soundness
//
// It errs in one direction only: a rule that is not named in a Result would not have matched, so a Coraza transaction without that rule
// has the same outcome. A rule matches only if its first condition does. The screen names a rule unless it knows that the condition does not hold, because
//
//   - no value that the condition looks at holds any of the texts that every match of its expression holds (factors, automaton), or
//   - the operator itself, Coraza's own, said no to each value after Coraza's own transformations (values, transform), or
//   - it is of a simple kind, such as a count, that was evaluated (conditions).
//
// Conditions on TX variables alone, such as paranoia levels, have the same answer in every transaction in which no other rule matched: they
// are evaluated once, when rules are loaded (constants). A rule that sets variables on the way to not matching is kept where another one reads them; one that looks at
// what its phase does not have yet, and one of phase 5, is always run. What the screen does not understand it does not guess at: a rule of that
// kind is always run, a directive of that kind turns the screen off (New's error says why), and so does a request that
// is not of the plain shapes that extract knows (Unknown).
//
// # Versions
//
// Transformations and operators are Coraza's own code, not copies of it, reached by go:linkname because Coraza exports no way to them. That holds for the
// version in go.mod, which Supported compares with the one in the binary; with another one there is no screen.
package screen

// Package tune reads security events and proposes exclusions for the false alarms of the rules among them.
//
// Whose hits count: authenticated users who are otherwise clean. A person who writes about SQL trips the rules against SQL injection, again and
// again, in the field where people write. Whoever trips the rules of two kinds of attack, or one that no text of a person's trips (a
// scanner's mark, a malformed protocol), is no such person, and none of their hits counts. Nor do hits of anonymous clients.
//
// What is proposed is the narrowest exclusion that ends them: of single rules, on a single field, at a single path, of which only what names a
// thing (an id) is left open. Never a rule as a whole.
package tune

// Package figure keeps figures of what the gateway does: counted from events as they are written, per node and five minutes, added up to hours and days in
// the same moment, and kept in the database for as long as a year and more. Nothing in them is of a person.
//
// README.md says what each figure means, and what it can't know.
package figure

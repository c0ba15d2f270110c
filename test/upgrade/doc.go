// Package upgrade runs the release before this one beside this one, on one database and one store, as a fleet does while its nodes are upgraded one
// after the other. The file `previous` names that release and its commit; it is built from git, once for each commit.
package upgrade

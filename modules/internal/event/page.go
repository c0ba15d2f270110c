package event

import _ "embed"

//go:embed README.md
var page string

// Page is the dictionary for people: what events tell, with the names of their fields in backquotes.
func Page() string { return page }

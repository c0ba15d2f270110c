package inforce

import "regexp"

// headerName is the name of a header as people write it, which a setting may hold in place of headers: X-Room-Ids.
var headerName = regexp.MustCompile(`^[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)*$`)

// sent tells whether a member of a tree of that name holds what goes with a request, or must come with one: headers, a query, the environment of a program.
// It is told by how it stands there, not by which module it is of; what it can't tell from an answer's headers counts as sent.
func sent(name string, t Tree, member string) bool {
	switch member {
	case "header", "headers", "header_regexp":
		return headersSent(t, t[member])
	case "set", "add", "replace": // Caddy's operations on headers, which stand under request and response
		return name == "request"
	case "query", "env":
		_, tree := t[member].(Tree)
		return tree
	case "expr", "expression":
		return true // what it compares headers with stands in it
	}
	return false
}

func headersSent(of Tree, v any) bool {
	switch v := v.(type) {
	case string:
		return !headerName.MatchString(v)
	case Tree:
		if _, answer := of["status_code"]; answer {
			return false // static_response, or what an answer is recognized by
		}
		_, request := v["request"].(Tree)
		_, response := v["response"].(Tree)
		return !request && !response // else they are operations, of which each tree says for itself
	}
	return true
}

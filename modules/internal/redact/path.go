package redact

import "strings"

// Path is a path as events have it: without tokens that somebody put there by mistake, and without the user names that its route says are there
// ({user}). What attacks look like stays.
func Path(path, route string) string { return hideNames(hideTokens(path), route) }

const (
	nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
	longestName = 64
	longestFull = 256 // of one that another issuer vouches for
)

// hideTokens takes out what may be a token: a segment that begins as a JWT does, or a long one of nothing but letters, digits, dots, hyphens
// and underscores.
func hideTokens(path string) string {
	if len(path) < 20 {
		return path
	}
	segments := strings.Split(path, "/")
	hidden := false
	for i, s := range segments {
		jwt := strings.HasPrefix(s, "eyJ") && len(s) > 16
		if jwt || len(s) > 64 && strings.Trim(s, nameLetters) == "" || Tokens(s) != s {
			segments[i], hidden = "[hidden]", true
		}
	}
	if !hidden {
		return path
	}
	return strings.Join(segments, "/")
}

// hideNames takes out the user names. What can't be a name stays.
func hideNames(path, route string) string {
	if !strings.Contains(route, "{user}") {
		return path
	}
	if i := strings.IndexByte(route, '/'); i > 0 {
		route = route[i:] // what stands before it is the method
	}
	segments, names := strings.Split(path, "/"), strings.Split(route, "/")
	if n := len(segments); n == len(names)+1 && segments[n-1] == "" {
		names = append(names, "") // a slash at the end counts for nothing
	}
	if len(segments) != len(names) {
		return path
	}
	for i, name := range names {
		if name == "{user}" && isName(segments[i]) {
			segments[i] = name
		}
	}
	return strings.Join(segments, "/")
}

func isName(s string) bool {
	if strings.Contains(s, "@") {
		return len(s) <= longestFull && strings.Trim(s, nameLetters+"@%") == ""
	}
	return len(s) <= longestName && strings.Trim(s, nameLetters) == ""
}

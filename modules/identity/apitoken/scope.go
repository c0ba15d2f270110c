package apitoken

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxScopes  = 32
	maxScope   = 64 // bytes
	maxNameLen = 64 // characters
)

var (
	// ErrScope is a scope that can't be: no name of a permission, none at all, or one that no token may have.
	ErrScope = errors.New("scopes are 1 to 32 names of permissions, and none of the account's own")
	// ErrName is a name that can't be: 1 to 64 characters, none of them a control character.
	ErrName = errors.New("a name has 1 to 64 characters")
)

// Scopes reads a list of scopes, separated by blanks, in order and without doubles. A scope is a permission's name as the policy has it. Permissions
// to the account itself (account:…) can't be had: a token must not make tokens or change what proves its owner. Errors: ErrScope.
func Scopes(list string) ([]string, error) {
	if len(list) > maxScopes*(maxScope+1) {
		return nil, ErrScope
	}
	scopes := strings.Fields(list)
	if len(scopes) == 0 || len(scopes) > maxScopes {
		return nil, ErrScope
	}
	for _, s := range scopes {
		if !isScope(s) {
			return nil, ErrScope
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

func isScope(s string) bool {
	if len(s) > maxScope || s[0] < 'a' || s[0] > 'z' || s == "account" || strings.HasPrefix(s, "account:") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != ':' && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Name reads what somebody calls a token. Errors: ErrName.
func Name(typed string) (string, error) {
	name := strings.TrimSpace(typed)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxNameLen || strings.ContainsFunc(name, func(c rune) bool {
		return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c)
	}) {
		return "", ErrName
	}
	return name, nil
}

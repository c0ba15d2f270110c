package account

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// maxTyped bounds what is looked at of a typed name, in bytes: NFKC can grow it.
const maxTyped = 256

// Normalise gives the one spelling of a user name: without blanks around it, in compatibility form (NFKC, so that a
// full-width "ａｄａ" is "ada"), lower case. Errors: ErrName.
func Normalise(typed string) (string, error) {
	if len(typed) > maxTyped {
		return "", ErrName
	}
	name := strings.ToLower(norm.NFKC.String(strings.TrimSpace(typed)))
	if len(name) < 2 || len(name) > 32 {
		return "", ErrName
	}
	for i := range len(name) {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		// A name stands in paths: ".." and the like can't be one.
		if inner := i > 0 && i < len(name)-1; !alnum && (!inner || c != '.' && c != '_' && c != '-') {
			return "", ErrName
		}
	}
	return name, nil
}

// operators are names that strangers must not stand behind.
var operators = []string{
	"abuse", "admin", "administrator", "gateway", "help", "hostmaster", "info", "mod", "moderator", "no-reply", "noreply", "operator", "postmaster", "root",
	"security", "service", "staff", "support", "system", "sysadmin", "team", "webmaster",
}

// ForOperators tells whether a name, as Normalise gave it, sounds like who runs the place: operators alone give it.
func ForOperators(name string) bool { return slices.Contains(operators, name) }

// CheckRoles refuses what can't stand in the roles column, in a token or in a header. Whether a role gives rights is the policy's matter.
func CheckRoles(roles []string) error {
	if len(roles) == 0 || len(roles) > 16 {
		return ErrRole
	}
	for i, r := range roles {
		if !IsRole(r) {
			return ErrRole
		}
		for _, other := range roles[:i] {
			if r == other {
				return ErrRole
			}
		}
	}
	return nil
}

// IsRole tells whether a role may have this name.
func IsRole(name string) bool {
	if len(name) == 0 || len(name) > 32 || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

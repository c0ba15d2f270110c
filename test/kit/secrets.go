package kit

import (
	"slices"
	"strings"
	"sync"
)

var (
	secretMu sync.Mutex
	secrets  []string
)

// Secret notes values that no log and no event may hold.
func Secret(values ...string) {
	secretMu.Lock()
	defer secretMu.Unlock()
	for _, v := range values {
		// Of a token the signature is what makes it one; the rest is no secret by itself.
		if i := strings.LastIndexByte(v, '.'); i >= 0 && strings.HasPrefix(v, "eyJ") {
			v = v[i+1:]
		}
		if len(v) == 6 { // a code: six digits alone may be any number
			v = `"` + v + `"`
		}
		if len(v) >= 8 && !slices.Contains(secrets, v) {
			secrets = append(secrets, v)
		}
	}
}

// Secrets returns all that was noted.
func Secrets() []string {
	secretMu.Lock()
	defer secretMu.Unlock()
	return slices.Clone(secrets)
}

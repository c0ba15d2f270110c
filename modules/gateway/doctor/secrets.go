package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/redact"
)

// mostNamed is how many settings a finding names.
const mostNamed = 5

// literalSecrets are the paths of settings, of the gateway's and of Caddy's, that hold a secret itself rather than say where it is. What is one is what the view
// `settings` hides, so that both know the same.
func literalSecrets(raw []byte) ([]string, error) {
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	all := secretsIn(nil, "", tree)
	slices.Sort(all)
	return all, nil
}

func secretsIn(path []string, name string, v any) (all []string) {
	switch v := v.(type) {
	case string:
		if isLiteral(name, v, slices.Contains(path, "gateway")) {
			return []string{strings.Join(path, ".")}
		}
	case []any: // its values are what the name of the list says
		for i, e := range v {
			all = append(all, secretsIn(append(slices.Clone(path), strconv.Itoa(i)), name, e)...)
		}
	case map[string]any:
		for n, e := range v {
			if n == "match" { // what a request may look like: no secret of anybody's
				continue
			}
			all = append(all, secretsIn(append(slices.Clone(path), n), n, e)...)
		}
	}
	return all
}

// isLiteral tells whether a text is a secret by its name, or holds one. Texts of Caddy's own modules are looked at for addresses alone: a rewrite or a rule may well have the
// word token in it.
func isLiteral(name, v string, ours bool) bool {
	if v == "" || strings.ContainsAny(v, "{}") { // filled in when it is loaded, or when a request comes
		return false
	}
	if says(name) {
		return !public(v)
	}
	return password(v) || ours && hides("", v)
}

// says tells whether the name of a setting says that it holds a secret, and not where one is.
func says(name string) bool {
	for _, place := range []string{"_file", "_env", "_path"} {
		if strings.HasSuffix(name, place) {
			return false
		}
	}
	return name != "" && hides(name, "x")
}

// public tells whether a text is no secret whatever it stands at: a hash that is made to be written down (as of Caddy's basic_auth), or a word for where
// credentials are from (as of a bundle in S3).
func public(v string) bool {
	for _, hash := range []string{"$2a$", "$2b$", "$2y$", "$argon2"} {
		if strings.HasPrefix(v, hash) {
			return true
		}
	}
	return slices.Contains([]string{"environment", "profile", "web_identity", "metadata"}, v)
}

func hides(name, v string) bool {
	hidden, is := inforce.Hide(name, v).(string)
	return is && strings.Count(hidden, redact.Removed) > strings.Count(v, redact.Removed)
}

// passwords judges whether the configuration holds secrets itself.
func (c Configured) passwords() Finding {
	const check = "config-password"
	if len(c.literal) == 0 {
		return ok(check, "as it should be")
	}
	named, more := c.literal, ""
	if n := len(named) - mostNamed; n > 0 {
		named, more = named[:mostNamed], fmt.Sprintf(" and %d more", n)
	}
	return warn(check, "write {env.NAME} or {file.PATH} for each, or the setting that names a file", "the configuration holds secrets, which the admin API and the autosaved configuration show: %s%s", strings.Join(named, ", "), more)
}

package inforce

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/convosphere/gateway/modules/internal/redact"
)

var (
	address = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"<>]+`)
	// key is a part of a path that only chance makes: services for messages have their secret there.
	key = regexp.MustCompile(`^[A-Za-z0-9_:.-]{20,}$`)
)

// takesNews tells whether addresses in a setting of that name are those of receivers. Whoever knows such an address may write to it, so that its path is
// the secret, also where it is short or a word.
func takesNews(name string) bool {
	name = strings.ToLower(name)
	return name == "to" || name == "endpoint" || strings.Contains(name, "hook")
}

// hideAddress takes out of an address whoever signs in with what, and what stands in it by chance. Of a receiver's nothing but scheme and host is left.
func hideAddress(v string, news bool) string {
	u, err := url.Parse(v)
	if err != nil || u.User == nil && strings.Contains(v, "@") {
		return redact.Removed // it can't be told what in it is a secret
	}
	web := u.Scheme == "http" || u.Scheme == "https"
	if u.User != nil {
		if _, ok := u.User.Password(); ok {
			u.User = url.UserPassword(u.User.Username(), redact.Removed)
		} else if web {
			u.User = url.User(redact.Removed) // a name alone is a key there
		}
	}
	if u.Fragment != "" {
		u.Fragment, u.RawFragment = redact.Removed, ""
	}
	if news && web {
		bare := url.URL{Scheme: u.Scheme, Host: u.Host}
		if bare.String() != strings.TrimSuffix(u.String(), "/") {
			bare.Path = "/" + redact.Removed
		}
		return bare.String()
	}
	parts := strings.Split(u.Path, "/")
	for i, p := range parts {
		if key.MatchString(p) && strings.ContainsAny(p, "0123456789") && strings.Trim(p, "0123456789.") != "" {
			parts[i] = redact.Removed
		}
	}
	if path := strings.Join(parts, "/"); path != u.Path {
		u.Path, u.RawPath = path, ""
	}
	hideQuery(u, web)
	return u.String()
}

// hideQuery takes out the values of an address' query, where it is one of the web: signed addresses have theirs under names that nobody else knows. Those of
// databases and stores are settings, of which each says for itself.
func hideQuery(u *url.URL, web bool) {
	if u.RawQuery == "" {
		return
	}
	q := u.Query()
	for name, values := range q {
		for i, w := range values {
			if s, ok := Hide(name, w).(string); web || !ok || s != w || key.MatchString(w) && strings.ContainsAny(w, "0123456789") {
				values[i] = redact.Removed
			}
		}
	}
	u.RawQuery = q.Encode()
}

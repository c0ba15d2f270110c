// Package inforce is what a running gateway was told to do, and what it does by default, as plain data: for people who look, and for checks.
package inforce

import (
	"slices"
	"strings"
	"time"
)

// Gateway is one configuration in force. Secrets are in none of its values: see Hide.
type Gateway struct {
	At      time.Time      `json:"at"`      // when it was read
	Admin   Tree           `json:"admin"`   // Caddy's admin endpoint; nil where it can't be told
	Logging Tree           `json:"logging"` // Caddy's own logs
	Apps    map[string]any `json:"apps"`    // by their names, each a Tree
	Servers []Server       `json:"servers"`
	// Certificates are those at hand for the hosts of the sites.
	Certificates []Certificate `json:"certificates,omitempty"`
}

// Certificate is one that the gateway shows.
type Certificate struct {
	Host   string    `json:"host"`
	Issuer string    `json:"issuer"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Public bool      `json:"public"` // an authority of this machine's list vouches for it
}

// Tree is settings by their names in JSON. A value is a Tree, a []any, a string, a bool, a number, a time.Duration, a time.Time or nil.
type Tree = map[string]any

// Server is a set of listeners with the sites behind them.
type Server struct {
	Name     string   `json:"name"`
	Listen   []string `json:"listen"`
	Settings Tree     `json:"settings"`
	TLS      []Tree   `json:"tls"` // connection policies; none: plain HTTP, unless Automatic
	Sites    []Site   `json:"sites"`
	// Automatic tells whether Caddy sees to certificates and to redirects from HTTP by itself.
	Automatic bool `json:"automatic_https"`
}

// Site is what requests for some hosts meet.
type Site struct {
	Hosts    []string  `json:"hosts,omitempty"` // none: whatever no other site takes
	Handlers []Handler `json:"handlers"`        // outermost first, those of blocks within the site among them
}

// Handler is one of a site.
type Handler struct {
	Module   string `json:"module"`          // as gw_waf
	Match    []Tree `json:"match,omitempty"` // which requests of the site it serves; none: all
	Settings Tree   `json:"settings"`
}

// Name is how a site is called.
func (s Site) Name() string {
	if len(s.Hosts) == 0 {
		return "any other host"
	}
	return strings.Join(s.Hosts, ", ")
}

// Find is the first handler of that module, and where it stands; -1 there is none.
func (s Site) Find(module string) (Handler, int) {
	at := slices.IndexFunc(s.Handlers, func(h Handler) bool { return h.Module == module })
	if at < 0 {
		return Handler{}, -1
	}
	return s.Handlers[at], at
}

// Get is the value at a path of names, as "passwords.min_length"; nil there is none.
func Get(t any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := t.(Tree)
		if !ok {
			return nil
		}
		t = m[name]
	}
	return t
}

// Text is a string at a path; "" there is none.
func Text(t any, path string) string {
	s, _ := Get(t, path).(string)
	return s
}

// Number is a number at a path; 0 there is none. Durations are in nanoseconds.
func Number(t any, path string) float64 {
	switch n := Get(t, path).(type) {
	case float64:
		return n
	case int64:
		return float64(n)
	case int:
		return float64(n)
	case time.Duration:
		return float64(n)
	}
	return 0
}

// Age is a duration at a path; 0 there is none.
func Age(t any, path string) time.Duration { return time.Duration(Number(t, path)) }

// True tells whether a flag at a path is set.
func True(t any, path string) bool {
	b, _ := Get(t, path).(bool)
	return b
}

// Texts are the strings of a list at a path.
func Texts(t any, path string) []string {
	list, _ := Get(t, path).([]any)
	var all []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

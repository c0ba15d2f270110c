package inforce

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Part is what is configured together: an app, a server, a handler of a site.
type Part struct {
	ID       string // of letters, digits and -; it stays while the configuration does
	Title    string // "gw_waf of chat.example.com"
	Settings Tree
}

// Parts are those of a gateway.
func (g Gateway) Parts() []Part {
	all := []Part{{"caddy-admin", "Caddy: admin endpoint", g.Admin}, {"caddy-logging", "Caddy: logs", g.Logging}}
	for _, name := range slices.Sorted(maps.Keys(g.Apps)) {
		settings, _ := g.Apps[name].(Tree)
		all = append(all, Part{"app-" + name, "app " + name, settings})
	}
	for i, s := range g.Servers {
		settings := Tree{"listen": list(s.Listen), "automatic_https": s.Automatic}
		for n, v := range s.Settings {
			if n != "automatic_https" {
				settings[n] = v
			}
		}
		all = append(all, Part{fmt.Sprintf("server-%d", i), "server " + s.Name, settings})
		for j, tls := range s.TLS {
			all = append(all, Part{fmt.Sprintf("tls-%d-%d", i, j), fmt.Sprintf("TLS policy %d of server %s", j+1, s.Name), tls})
		}
		for j, site := range s.Sites {
			for k, h := range site.Handlers {
				settings := Tree{}
				maps.Copy(settings, h.Settings)
				if len(h.Match) > 0 {
					settings["match"] = trees(h.Match)
				}
				all = append(all, Part{fmt.Sprintf("handler-%d-%d-%d", i, j, k), h.Module + " of " + site.Name(), settings})
			}
		}
	}
	return all
}

func list(all []string) []any {
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

func trees(all []Tree) []any {
	out := make([]any, len(all))
	for i, t := range all {
		out[i] = t
	}
	return out
}

// Setting is one value.
type Setting struct{ Name, Value string }

// Flat are the settings of a tree one by one, named by their paths, in order.
func Flat(t Tree) []Setting { return flat(nil, "", t) }

func flat(all []Setting, name string, v any) []Setting {
	join := func(part string) string {
		if name == "" {
			return part
		}
		return name + "." + part
	}
	switch v := v.(type) {
	case Tree:
		for _, n := range slices.Sorted(maps.Keys(v)) {
			all = flat(all, join(n), v[n])
		}
		return all
	case []any:
		texts := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				break
			}
			texts = append(texts, s)
		}
		if len(texts) == len(v) {
			return append(all, Setting{name, strings.Join(texts, ", ")})
		}
		for i, e := range v {
			all = flat(all, join(strconv.Itoa(i+1)), e)
		}
		return all
	}
	return append(all, Setting{name, Show(v)})
}

// Show is a single value as text.
func Show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Duration:
		return v.String()
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// Text of a tree is JSON for people: durations are 5m0s.
func (p Part) Text() string {
	raw, err := json.MarshalIndent(readable(p.Settings), "", "  ")
	if err != nil {
		return ""
	}
	return string(raw)
}

func readable(v any) any {
	switch v := v.(type) {
	case Tree:
		out := make(Tree, len(v))
		for n, e := range v {
			out[n] = readable(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = readable(e)
		}
		return out
	case time.Duration:
		return v.String()
	}
	return v
}

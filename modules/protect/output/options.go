package output

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/protect/detect"
)

// Words of the options.
const (
	Replace = "replace"
	Pass    = "pass"
	Errors  = "errors"
	All     = "all"
	Off     = "off"
	HTML    = "html"
	Correct = "correct"
	Local   = "local"
)

// Options say what is done with every answer. The zero value does all of it.
type Options struct {
	// Nothing is done but what the other options say.
	Off bool `json:"off,omitempty"`

	// Answers of status 500 and above: "replace" (default) by a problem of the gateway's own, or "pass".
	Errors string `json:"errors,omitempty"`

	// Answers that hold a stack trace: "errors" (default) replaces those of status 400 and above, "all" also the others, which become 500, "off" none.
	Traces string `json:"traces,omitempty"`

	// What HTML would read as markup in strings of JSON: "html" (default) writes it as escapes, "off" leaves it.
	Escape string `json:"escape,omitempty"`

	// Content types: "correct" (default) says that JSON is JSON, and takes nothing without a type for a page; "off" leaves them.
	Types string `json:"types,omitempty"`

	// Redirects to the inside (a private address, a name without a dot): "local" (default) leaves their path alone, "pass" leaves them.
	Redirects string `json:"redirects,omitempty"`

	// Headers of answers that go, with * at the end for any that begin so, besides the usual ones; one with a minus before it stays.
	Hide []string `json:"hide,omitempty"`

	// How much of an answer is held back, so that it can be refused as a whole. Default: 64 KiB.
	Hold int64 `json:"hold,omitempty"`
}

const (
	defaultHold = 64 << 10
	largestHold = 64 << 20
)

// Hidden are the headers that go unless an option says otherwise: they tell of the inside, and clients need none of them.
var Hidden = []string{
	"Server", "X-Powered-By", "Via", "X-AspNet-Version", "X-AspNetMvc-Version", "X-SourceFiles", "X-Runtime", "X-Version", "X-Generator", "X-Backend*", "X-Upstream*", "X-Server*", "X-Served-By",
	"X-Node", "X-Host", "X-Pod*", "X-Instance*", "X-Container*", "X-Debug*", "X-Exception*", "X-Envoy-*", "X-Kong-*", "X-Varnish*", "X-Litespeed-*", "X-Drupal-*", "X-Django-*", "X-Rack-*", "X-Php-*", "X-Litespeed",
	"X-Gateway-Assertion", "Sourcemap", "X-Sourcemap", "Liferay-Portal", "X-Owa-Version", "X-Jenkins*", "X-Mod-Pagespeed", "X-Page-Speed",
}

// Actions of a rule.
const (
	Report = "report" // an event tells of it
	Mask   = "mask"   // and what may be seen takes its place
	Block  = "block"  // and the answer is withheld, a message dropped
)

// Rule is what is looked for, and what is done where it is found. Of several that name a kind the first counts.
type Rule struct {
	// As package detect names them: "card", "iban", "national-id", "all" …
	Kinds []string `json:"kinds"`

	// "report" (default), "mask" or "block".
	Action string `json:"action,omitempty"`

	// Paths of requests, as /api/rooms/{room} and /files/{rest...}. Default: all.
	At []string `json:"at,omitempty"`

	// Members of JSON that may hold it, as pointers with * for each element of an array: /users/*/mail.
	Exempt []string `json:"exempt,omitempty"`

	// For whom it is not looked for: roles.
	Unless []string `json:"unless,omitempty"`
}

// rule is a Rule, compiled.
type rule struct {
	kinds  detect.Set
	action string
	at     *route.Router[bool] // nil: everywhere
	exempt []string
	unless []string
}

func (o *Options) fill() error {
	for _, c := range []struct {
		name  string
		value *string
		words []string // the first is the default
	}{
		{"errors", &o.Errors, []string{Replace, Pass}}, {"traces", &o.Traces, []string{Errors, All, Off}}, {"escape", &o.Escape, []string{HTML, Off}},
		{"types", &o.Types, []string{Correct, Off}}, {"redirects", &o.Redirects, []string{Local, Pass}},
	} {
		if *c.value == "" {
			*c.value = c.words[0]
			if o.Off {
				*c.value = c.words[len(c.words)-1]
			}
		}
		if !slices.Contains(c.words, *c.value) {
			return fmt.Errorf("output: %s %q: it is %s", c.name, *c.value, strings.Join(c.words, " or "))
		}
	}
	if o.Hold == 0 {
		o.Hold = defaultHold
	}
	if o.Hold < 1<<10 || o.Hold > largestHold {
		return fmt.Errorf("output: hold is %d bytes: it is 1 KiB to 64 MiB", o.Hold)
	}
	return nil
}

// hidden are headers by name, and by what they begin with.
type hidden struct {
	names    map[string]bool
	prefixes []string
}

func (o *Options) hidden() (hidden, error) {
	list := slices.Clone(Hidden)
	if o.Off {
		list = nil
	}
	for _, name := range o.Hide {
		if kept, ok := strings.CutPrefix(name, "-"); ok {
			n := len(list)
			list = slices.DeleteFunc(list, func(s string) bool { return strings.EqualFold(s, kept) })
			if len(list) == n {
				return hidden{}, fmt.Errorf("output: hide %s: %s is not hidden", name, kept)
			}
			continue
		}
		list = append(list, name)
	}
	h := hidden{names: map[string]bool{}}
	for _, name := range list {
		begin, many := strings.CutSuffix(name, "*")
		if begin == "" || strings.ContainsAny(begin, "*: \t") {
			return h, fmt.Errorf("output: hide %q is the name of no header", name)
		}
		if begin = http.CanonicalHeaderKey(begin); many {
			h.prefixes = append(h.prefixes, begin)
		} else {
			h.names[begin] = true
		}
	}
	return h, nil
}

// has tells whether a header is one of them. Its name is canonical.
func (h *hidden) has(name string) bool {
	if h.names[name] {
		return true
	}
	for _, p := range h.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func (r Rule) compile() (*rule, error) {
	kinds, err := detect.Parse(r.Kinds)
	if err != nil {
		return nil, err
	}
	c := &rule{kinds: kinds, action: r.Action, unless: r.Unless, exempt: r.Exempt}
	if c.action == "" {
		c.action = Report
	}
	switch {
	case len(r.Kinds) == 0:
		return nil, errors.New("a kind is missing")
	case !slices.Contains([]string{Report, Mask, Block}, c.action):
		return nil, fmt.Errorf("%q: it is report, mask or block", r.Action)
	}
	for _, p := range r.Exempt {
		if !strings.HasPrefix(p, "/") {
			return nil, fmt.Errorf("exempt %q: a JSON pointer begins with a slash", p)
		}
	}
	for _, at := range r.At {
		p, err := route.ParsePattern(at)
		if err != nil {
			return nil, err
		}
		if c.at == nil {
			c.at = &route.Router[bool]{}
		}
		if err := c.at.Add("", p, at, true); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// excuses tells whether a member may hold what the rule is about.
func (r *rule) excuses(pointer []byte) bool {
	for _, e := range r.exempt {
		if ok, err := path.Match(e, string(pointer)); e == string(pointer) || err == nil && ok {
			return true
		}
	}
	return false
}

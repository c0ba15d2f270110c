package screen

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// source is a variable of Coraza's that the screen can fill.
type source uint8

const (
	unknown source = iota
	method
	protocol
	line
	uri
	uriRaw
	filename
	basename
	query
	body
	bodyLength
	processor
	headers
	headerNames
	cookies
	cookieNames
	argsGet
	argsGetNames
	argsPost
	argsPostNames
	status
	responseBody
	responseHeaders
	responseHeaderNames
	txVariables
	always // a variable with one value in every exchange that is screened
	never  // a collection that is empty in every exchange that is screened
	sources
)

// sourcesOf are the variables that stand for each of Coraza's names.
var sourcesOf = map[string][]source{
	"REQUEST_METHOD": {method}, "REQUEST_PROTOCOL": {protocol}, "REQUEST_LINE": {line}, "REQUEST_URI": {uri}, "REQUEST_URI_RAW": {uriRaw},
	"REQUEST_FILENAME": {filename}, "REQUEST_BASENAME": {basename}, "QUERY_STRING": {query}, "REQUEST_BODY": {body},
	"REQUEST_BODY_LENGTH": {bodyLength}, "REQBODY_PROCESSOR": {processor},
	"REQUEST_HEADERS": {headers}, "REQUEST_HEADERS_NAMES": {headerNames}, "REQUEST_COOKIES": {cookies}, "REQUEST_COOKIES_NAMES": {cookieNames},
	"ARGS_GET": {argsGet}, "ARGS_GET_NAMES": {argsGetNames}, "ARGS_POST": {argsPost}, "ARGS_POST_NAMES": {argsPostNames},
	"ARGS": {argsGet, argsPost}, "ARGS_NAMES": {argsGetNames, argsPostNames},
	"RESPONSE_STATUS": {status}, "RESPONSE_BODY": {responseBody}, "RESPONSE_HEADERS": {responseHeaders}, "RESPONSE_HEADERS_NAMES": {responseHeaderNames},
	"TX": {txVariables},

	"REQBODY_ERROR": {always}, "REQBODY_PROCESSOR_ERROR": {always}, "URI_PARSE_ERROR": {always}, "URLENCODED_ERROR": {always},
	"ARGUMENTS_LIMIT_REACHED": {always}, "MULTIPART_STRICT_ERROR": {always}, "FILES_COMBINED_SIZE": {always}, "INBOUND_DATA_ERROR": {always},

	"FILES": {never}, "FILES_NAMES": {never}, "FILES_SIZES": {never}, "FILES_TMPNAMES": {never}, "FILES_TMP_CONTENT": {never},
	"MULTIPART_PART_HEADERS": {never}, "MULTIPART_NAME": {never}, "MULTIPART_FILENAME": {never}, "XML": {never}, "REQUEST_XML": {never},
	"ARGS_PATH": {never},
}

// constants are the values of the variables that are always the same where nothing went wrong.
var constants = map[string]string{
	"REQBODY_ERROR": "0", "REQBODY_PROCESSOR_ERROR": "0", "URI_PARSE_ERROR": "0", "URLENCODED_ERROR": "0", "ARGUMENTS_LIMIT_REACHED": "0",
	"MULTIPART_STRICT_ERROR": "", "FILES_COMBINED_SIZE": "0", "INBOUND_DATA_ERROR": "",
}

// target is a part of one variable.
type target struct {
	source source
	name   string // of the variable, as in constants
	key    selector
	except []selector
	count  bool
	also   []source // counted too: ARGS are two collections

	initial []string // of a target that takes several TX variables: the ones it takes of those that every transaction has
}

// selector names members of a collection; the zero value names all.
type selector struct {
	text    string
	pattern *regexp.Regexp
}

func (s selector) all() bool { return s.text == "" && s.pattern == nil }

// has tells whether a member is named. Coraza keeps keys in lower case.
func (s selector) has(key string) bool {
	if s.pattern != nil {
		return s.pattern.MatchString(strings.ToLower(key))
	}
	if s.text == "" || !strings.EqualFold(s.text, key) {
		return s.text == ""
	}
	text, key := strings.ToLower(s.text), strings.ToLower(key) // ſ is no s then
	return text == key
}

// leavesOut tells whether an exception applies, as Coraza does.
func (s selector) leavesOut(key string) bool {
	key = strings.ToLower(key)
	if s.pattern != nil {
		return s.pattern.MatchString(key)
	}
	return s.text == "" || strings.ToLower(s.text) == key
}

func newSelector(t seclang.Target) (selector, error) {
	if !t.Regex {
		return selector{text: t.Key}, nil
	}
	re, err := regexp.Compile(t.Key)
	return selector{pattern: re}, err
}

// at are the variables that stand for a name in a phase; known is false where an exchange as a whole does not tell what the variable held then.
func at(name string, phase int) (found []source, known bool) {
	found, known = sourcesOf[name]
	if !known {
		return nil, false
	}
	since := []int{argsPost: 2, argsPostNames: 2, body: 2, bodyLength: 2, processor: 2, status: 3, responseHeaders: 3, responseHeaderNames: 3, responseBody: 4}
	early := func(s source) bool { return int(s) < len(since) && since[s] > phase }
	switch {
	case !slices.ContainsFunc(found, early):
		return found, true
	case found[0] == argsPost || found[0] == argsPostNames:
		return []source{never}, true
	case len(found) == 2: // ARGS
		return found[:1], true
	}
	return nil, false
}

// bodies are the TX variables in which Coraza keeps what it took for JSON.
var bodies = []string{"json_request_body", "json_response_body"}

// holdsBody tells whether such a variable may be part of a target.
func holdsBody(t seclang.Target) bool {
	key, err := newSelector(t)
	return t.Name == "TX" && (err != nil || slices.ContainsFunc(bodies, key.has))
}

// newTargets resolves what a rule looks at; ok is false where some of it is not known here.
func newTargets(list []seclang.Target, phase int) (out []target, ok bool) {
	for _, t := range list {
		found, known := at(t.Name, phase)
		key, err := newSelector(t)
		if !known || err != nil || holdsBody(t) {
			return nil, false
		}
		if t.Count && !key.all() && found[0] != headers && found[0] != responseHeaders && found[0] != txVariables && found[0] != never {
			return nil, false // what may be one too many elsewhere would make a count wrong
		}
		var except []selector
		for _, x := range t.Except {
			s, err := newSelector(x)
			if err != nil {
				return nil, false
			}
			except = append(except, s)
		}
		for i, s := range found {
			u := target{source: s, name: t.Name, key: key, except: except, count: t.Count}
			if t.Count {
				u.also = found[i+1:]
			}
			if out = append(out, u); t.Count {
				break
			}
		}
	}
	return out, true
}

// takes tells whether a member of the target's variable belongs to it.
func (t *target) takes(key string) bool {
	if !t.key.all() && !t.key.has(key) {
		return false
	}
	for i := range t.except {
		if t.except[i].leavesOut(key) {
			return false
		}
	}
	return true
}

// settle notes which of the TX variables that every transaction has a target takes.
func (c *condition) settle(initial map[string]string) {
	for i := range c.targets {
		t := &c.targets[i]
		if t.source != txVariables || t.key.text != "" {
			continue
		}
		for k := range initial {
			if t.takes(k) {
				t.initial = append(t.initial, k)
			}
		}
	}
}

// member is one value of a variable.
type member struct {
	source source
	key    string
	value  string
}

// exchange is what the variables hold in one request, or in it and its answer.
type exchange struct {
	members  []member // in order of source
	from     [sources + 1]int
	tx       map[string]string // written while conditions are evaluated; nil until then
	initial  map[string]string // TX as it is in every clean transaction
	repeated []Argument        // values of keys that a body has more than once, under keys of their own
}

// of returns the members of a variable.
func (x *exchange) of(s source) []member { return x.members[x.from[s]:x.from[s+1]] }

func (x *exchange) get(key string) (string, bool) {
	if v, ok := x.tx[key]; ok {
		return v, true
	}
	v, ok := x.initial[key]
	return v, ok
}

func (x *exchange) set(key, value string) {
	if x.tx == nil {
		x.tx = map[string]string{}
	}
	x.tx[key] = value
}

// each calls f with the values of a target until it returns false.
func (x *exchange) each(t *target, f func(key, value string) bool) {
	switch {
	case t.count:
		f(t.key.text, strconv.Itoa(x.count(t)))
	case t.source == always:
		f("", constants[t.name])
	case t.source == txVariables:
		x.eachTX(t, f)
	default:
		for _, m := range x.of(t.source) {
			if t.takes(m.key) && !f(m.key, m.value) {
				return
			}
		}
	}
}

func (x *exchange) eachTX(t *target, f func(key, value string) bool) {
	if t.key.text != "" {
		if v, ok := x.get(t.key.text); ok && t.takes(t.key.text) {
			f(t.key.text, v)
		}
		return
	}
	for k, v := range x.tx {
		if t.takes(k) && !f(k, v) {
			return
		}
	}
	for _, k := range t.initial {
		if _, again := x.tx[k]; !again && !f(k, x.initial[k]) {
			return
		}
	}
}

func (x *exchange) count(t *target) (n int) {
	u := *t
	u.count = false
	x.each(&u, func(string, string) bool { n++; return true })
	for _, u.source = range t.also {
		x.each(&u, func(string, string) bool { n++; return true })
	}
	return n
}

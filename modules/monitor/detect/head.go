package detect

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

const (
	defaultSuppress = time.Hour
	mostSuppress    = 366 * 24 * time.Hour
)

// Responses are the words of Rule.Respond.
func Responses() []string {
	return []string{"challenge", "throttle", "ban", "end_sessions", "lock_account", "require_second_factor", "close_sockets", "raise_paranoia", "webhook"}
}

var (
	statuses = []string{"stable", "test", "experimental", "deprecated", "unsupported"}
	tagForm  = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_.-]+)+$`)
	slots    = regexp.MustCompile(`\{[^{}]*\}`)
)

// head reads what rules and correlations have in common.
func head(d document) (*Rule, error) {
	r := &Rule{File: fmt.Sprintf("%s:%d", d.file, d.node.Line), Suppress: defaultSuppress, Alone: true, Level: finding.Medium}
	var err error
	read := func(to *string, name string, most int) {
		if err == nil {
			*to, err = text(get(d.members, name), name, most)
		}
	}
	read(&r.Title, "title", 1024)
	read(&r.ID, "id", 128)
	read(&r.Name, "name", 256)
	read(&r.Status, "status", 32)
	read(&r.Description, "description", 65535)
	var level string
	read(&level, "level", 32)
	list := func(to *[]string, name string) {
		if err == nil {
			*to, err = texts(get(d.members, name), name, 500)
		}
	}
	list(&r.References, "references")
	list(&r.FalsePositives, "falsepositives")
	list(&r.Tags, "tags")
	if err != nil {
		return nil, err
	}
	if r.Title == "" {
		return nil, faulty(d.node, "a rule has a title")
	}
	for _, id := range []string{r.ID, r.Name, r.Title} {
		if r.ID == "" {
			r.ID = id
		}
	}
	if level != "" {
		var ok bool
		if r.Level, ok = finding.ParseLevel(strings.ToLower(level)); !ok {
			return nil, faulty(get(d.members, "level"), "level is informational, low, medium, high or critical")
		}
	}
	if r.Status != "" && !slices.Contains(statuses, r.Status) {
		return nil, faulty(get(d.members, "status"), "status is one of %s", strings.Join(statuses, ", "))
	}
	for i, t := range r.Tags {
		if r.Tags[i] = strings.ToLower(t); !tagForm.MatchString(r.Tags[i]) {
			return nil, faulty(get(d.members, "tags"), "a tag is lower-case words with dots, as attack.t1110.003")
		}
	}
	if err := attributes(r, get(d.members, "gateway")); err != nil {
		return nil, err
	}
	r.Digest, err = digest(d.node)
	return r, err
}

// attributes reads what only this gateway understands of a rule.
func attributes(r *Rule, n *yaml.Node) error {
	if isNull(n) {
		return nil
	}
	all, err := members(n, "gateway")
	if err != nil {
		return err
	}
	for _, m := range all {
		switch m.name {
		case "subject":
			r.Subject, err = texts(m.value, "gateway.subject", 8)
		case "suppress":
			if r.Suppress, err = timespan(m.value, "gateway.suppress", mostSuppress); m.value.Value == "0" {
				r.Suppress, err = 0, nil
			}
		case "respond":
			r.Respond, err = responses(m.value)
		case "explain":
			if r.Explain, err = text(m.value, "gateway.explain", 512); err != nil {
				break
			}
			for _, slot := range slots.FindAllString(r.Explain, -1) {
				if slot != "{count}" && slot != "{distinct}" && slot != "{timespan}" {
					return faulty(m.value, "gateway.explain knows {count}, {distinct} and {timespan}, not %s", plainly(slot))
				}
			}
		default:
			return faulty(m.key, "gateway has subject, suppress, respond and explain, not %q", plainly(m.name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func responses(n *yaml.Node) ([]string, error) {
	all, err := texts(n, "gateway.respond", 16)
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		word, length, timed := strings.Cut(strings.Join(strings.Fields(s), " "), " ")
		if !slices.Contains(Responses(), word) {
			return nil, faulty(n, "gateway.respond: a response is one of %s", strings.Join(Responses(), ", "))
		}
		if timed {
			if _, err := span(length, mostSuppress); err != nil {
				return nil, faulty(n, "gateway.respond: %s: %v", word, err)
			}
			word += " " + length
		}
		all[i] = word
	}
	return all, nil
}

// timespan reads a number and a letter, as 90m.
func timespan(n *yaml.Node, what string, most time.Duration) (time.Duration, error) {
	if n == nil || n.Kind != yaml.ScalarNode {
		return 0, fmt.Errorf("%s is a time, as 90m", what)
	}
	d, err := span(n.Value, most)
	if err != nil {
		return 0, faulty(n, "%s: %v", what, err)
	}
	return d, nil
}

var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

func span(s string, most time.Duration) (time.Duration, error) {
	if s == "" || len(s) > 10 || units[s[len(s)-1]] == 0 {
		return 0, fmt.Errorf("%q is no time: it is a number and one of s, m, h, d, w", plainly(s))
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	unit := units[s[len(s)-1]]
	if err != nil || n == 0 || time.Duration(n) > most/unit {
		return 0, fmt.Errorf("%q is no time from 1s to %dd", plainly(s), most/(24*time.Hour))
	}
	return time.Duration(n) * unit, nil
}

// digest is over what a document says; how it is laid out, and comments, are not in it.
func digest(n *yaml.Node) ([32]byte, error) {
	h := sha256.New()
	budget := 200_000
	var write func(n *yaml.Node, depth int) error
	write = func(n *yaml.Node, depth int) error {
		n = real(n)
		if budget--; budget < 0 || depth > mostDeep {
			return faulty(n, "the rule is too large, or nested too deep")
		}
		fmt.Fprintf(h, "%d %d %s %d:%s\n", n.Kind, len(n.Content), n.Tag, len(n.Value), n.Value)
		for _, c := range n.Content {
			if err := write(c, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	err := write(n, 0)
	return [32]byte(h.Sum(nil)), err
}

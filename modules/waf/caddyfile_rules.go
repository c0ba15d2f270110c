package waf

import (
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func (h *Handler) readFiles(d *caddyfile.Dispenser, name string, args []string) error {
	to := map[string]*[]string{"plugin": &h.Plugins, "rules_file": &h.RulesFiles, "rules_after": &h.RulesAfter}[name]
	for _, a := range args {
		if err := validateFile(name, a, name != "plugin"); err != nil {
			return d.WrapErr(err)
		}
		if name == "plugin" {
			if err := validatePlugin(a); err != nil {
				return d.WrapErr(err)
			}
		}
		*to = append(*to, a)
	}
	return nil
}

func (h *Handler) readExclude(d *caddyfile.Dispenser, _ string, args []string) error {
	x, err := parseExclusion(args)
	if err != nil {
		return d.Errf("exclude %s: %v", strings.Join(args, " "), err)
	}
	h.Exclusions = append(h.Exclusions, x)
	return nil
}

var fieldName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func (h *Handler) readExcludeField(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) < 2 {
		return written(d, name)
	}
	for _, f := range args[1:] {
		if !fieldName.MatchString(f) {
			return d.Errf("exclude_field %s: field %q: it has letters, digits and _.-", args[0], f)
		}
	}
	x := fieldExclusion(PathPattern(args[0]), args[1:]...)
	if err := x.validate(); err != nil {
		return d.Errf("exclude_field: %v", err)
	}
	h.Exclusions = append(h.Exclusions, x)
	return nil
}

// revise puts the revision of the files that are read into the configuration; filled is h with its defaults.
func (h *Handler) revise(filled *Handler, from *lines) (err error) {
	if len(h.Plugins)+len(h.RulesFiles)+len(h.RulesAfter) == 0 {
		return nil
	}
	if h.RulesRevision, err = filesRevision(filled.directives()); err != nil {
		return from.wrap(err)
	}
	return nil
}

package protect

import (
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/protect/detect"
	"github.com/convosphere/gateway/modules/protect/output"
)

// parseOutput reads what is done with answers. Syntax:
//
//	output off
//	output {
//		errors    replace | pass
//		traces    errors | all | off
//		escape    html | off
//		types     correct | off
//		redirects local | pass
//		hide      <header>…          # name, name*, -name
//		hold      <size>
//	}
func parseOutput(d *caddyfile.Dispenser, o *output.Options) error {
	if !reflect.ValueOf(*o).IsZero() {
		return d.Errf("output is given twice")
	}
	if d.NextArg() {
		if d.Val() != output.Off {
			return d.Errf("output %q: write `output off`, or a block", d.Val())
		}
		o.Off = true
		return end(d)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := parseOutputOption(d, o); err != nil {
			return err
		}
	}
	return nil
}

func parseOutputOption(d *caddyfile.Dispenser, o *output.Options) error {
	for _, c := range []struct {
		name  string
		to    *string
		words []string
	}{
		{"errors", &o.Errors, []string{output.Replace, output.Pass}}, {"traces", &o.Traces, []string{output.Errors, output.All, output.Off}}, {"escape", &o.Escape, []string{output.HTML, output.Off}},
		{"types", &o.Types, []string{output.Correct, output.Off}}, {"redirects", &o.Redirects, []string{output.Local, output.Pass}},
	} {
		if c.name != d.Val() {
			continue
		}
		if err := one(d, c.to); err != nil {
			return err
		}
		if !slices.Contains(c.words, *c.to) {
			return d.Errf("%s %q: it is one of %v", c.name, *c.to, c.words)
		}
		return nil
	}
	switch d.Val() {
	case "hide":
		return some(d, &o.Hide)
	case "hold":
		return parseSize(d, &o.Hold)
	}
	return d.Errf("unknown subdirective %q: output knows errors, traces, escape, types, redirects, hide and hold", d.Val())
}

// parseDetect reads what is looked for in answers and messages. Syntax:
//
//	detect <kind>… [report | mask | block] {
//		at     <path>…
//		exempt <pointer>…
//		unless <role>…
//	}
//
// The kinds are card, iban, mail, phone, api-key, jwt, private-key, national-id (or that of a country: national-id:de), all.
func (h *Handler) parseDetect(d *caddyfile.Dispenser) error {
	r := output.Rule{Kinds: d.RemainingArgs()}
	if n := len(r.Kinds) - 1; n > 0 && slices.Contains([]string{output.Report, output.Mask, output.Block}, r.Kinds[n]) {
		r.Kinds, r.Action = r.Kinds[:n], r.Kinds[n]
	}
	if len(r.Kinds) == 0 {
		return d.ArgErr()
	}
	if _, err := detect.Parse(r.Kinds); err != nil {
		return d.WrapErr(err)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "at":
			err = some(d, &r.At)
		case "exempt":
			err = some(d, &r.Exempt)
		case "unless":
			err = some(d, &r.Unless)
		default:
			err = d.Errf("unknown subdirective %q: detect knows at, exempt and unless", d.Val())
		}
		if err != nil {
			return err
		}
	}
	h.Detect = append(h.Detect, r)
	return nil
}

// some reads one or more words.
func some(d *caddyfile.Dispenser, to *[]string) error {
	words := d.RemainingArgs()
	if len(words) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, words...)
	return nil
}

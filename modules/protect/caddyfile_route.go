package protect

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/protect/record"
)

func (h *Handler) parseRoute(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("write `route <methods> <path> { … }`, as `route GET,POST /api/rooms { … }`, or * for all methods")
	}
	r := Route{Methods: route.ParseMethods(args[0]), Path: args[1]}
	var rs records
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() == "size" {
			if err := parseSizes(d, &r.Sizes); err != nil {
				return err
			}
			continue
		}
		known, err := rs.parseOne(d, &r.Query)
		if err == nil && !known {
			err = d.Errf("unknown subdirective %q: route knows key_set, record, id, mint, encrypt, index and size", d.Val())
		}
		if err != nil {
			return err
		}
	}
	var err error
	if r.Records, err = rs.all(d); err != nil {
		return err
	}
	for i := range r.Query {
		r.Query[i].KeySet = rs.base.KeySet
	}
	h.Routes = append(h.Routes, r)
	if _, err := compileRoutes(h.Routes); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// records are read from a block that holds key_set, record, id, mint, encrypt and index: of a route, or of messages of a socket.
type records struct {
	base record.Spec // what stands outside of braces of a record's own
	own  bool        // more of it than the key set
	list []record.Spec
}

// parseOne reads one subdirective; false where it is something else. queries takes the parameters of `index query`; nil where there is no query.
func (rs *records) parseOne(d *caddyfile.Dispenser, queries *[]QueryIndex) (known bool, err error) {
	switch d.Val() {
	case "record":
		return true, rs.parseRecord(d)
	case "index":
		args := d.RemainingArgs()
		if queries != nil && len(args) > 1 && args[0] == "query" {
			return true, parseQueryIndex(d, args[1:], queries)
		}
		rs.own = true
		return true, parseIndex(d, args, &rs.base)
	case "key_set":
		return true, one(d, &rs.base.KeySet)
	case "id", "mint", "encrypt":
		rs.own = true
		return true, parseMember(d, &rs.base)
	}
	return false, nil
}

// all are the records, each with what stands outside of its braces.
func (rs *records) all(d *caddyfile.Dispenser) ([]record.Spec, error) {
	if rs.own && len(rs.list) != 1 {
		return nil, d.Err("id, mint, encrypt and index are said of a record: name the one, or write them in the braces of each")
	}
	for i := range rs.list {
		s := &rs.list[i]
		if s.KeySet == "" {
			s.KeySet = rs.base.KeySet
		}
		if !rs.own {
			continue
		}
		if s.ID != "" && rs.base.ID != "" || s.Mint != "" && rs.base.Mint != "" {
			return nil, d.Errf("record %s: id or mint is given twice", s.Type)
		}
		if s.ID == "" {
			s.ID = rs.base.ID
		}
		if s.Mint == "" {
			s.Mint = rs.base.Mint
		}
		s.Encrypt, s.Index = append(s.Encrypt, rs.base.Encrypt...), append(s.Index, rs.base.Index...)
	}
	return rs.list, nil
}

func (rs *records) parseRecord(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("write `record <type> [<pointer>] [request | answer]`, as `record message /messages/*`")
	}
	s := record.Spec{Type: args[0]}
	args = args[1:]
	if len(args) > 0 && strings.HasPrefix(args[0], "/") {
		s.Pointer, args = args[0], args[1:]
	}
	if len(args) > 0 {
		s.In, args = args[0], args[1:]
	}
	if len(args) > 0 {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "key_set":
			err = one(d, &s.KeySet)
		case "index":
			err = parseIndex(d, d.RemainingArgs(), &s)
		case "id", "mint", "encrypt":
			err = parseMember(d, &s)
		default:
			err = d.Errf("unknown subdirective %q: record knows key_set, id, mint, encrypt and index", d.Val())
		}
		if err != nil {
			return err
		}
	}
	rs.list = append(rs.list, s)
	return nil
}

// parseMember reads id, mint and encrypt.
func parseMember(d *caddyfile.Dispenser, s *record.Spec) error {
	what, args := d.Val(), d.RemainingArgs()
	switch {
	case what == "id" && len(args) == 1 && s.ID == "":
		if s.ID = args[0]; !strings.Contains(s.ID, "{") {
			s.ID = "{." + strings.TrimPrefix(s.ID, "$.") + "}"
		}
		return nil
	case what == "mint" && len(args) == 2 && args[1] == "ulid" && s.Mint == "":
		member, ok := strings.CutPrefix(args[0], "$.")
		if !ok {
			break
		}
		s.Mint = member
		return nil
	case what == "encrypt" && len(args) == 1:
		s.Encrypt = append(s.Encrypt, record.Member{Name: args[0]})
		return nil
	case what == "encrypt" && len(args) == 3 && args[1] == "as":
		s.Encrypt = append(s.Encrypt, record.Member{Name: args[0], As: args[2]})
		return nil
	}
	return d.Errf("%s: write `id <member>`, `mint $.<member> ulid`, `encrypt <member> [as <name>]`; the first two once", what)
}

func parseIndex(d *caddyfile.Dispenser, args []string, s *record.Spec) error {
	if len(args) != 2 {
		return d.Err("write `index <member> <into member>`, or `index query <parameter> [<member>]` in a route")
	}
	s.Index = append(s.Index, record.Index{Member: args[0], Into: args[1]})
	return nil
}

func parseQueryIndex(d *caddyfile.Dispenser, args []string, to *[]QueryIndex) error {
	q := QueryIndex{Name: args[0]}
	if len(args) == 2 {
		q.Member = args[1]
	}
	if len(args) > 2 {
		return d.ArgErr()
	}
	*to = append(*to, q)
	return nil
}

package authorize

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// IDs tells a back end that filters itself what the person may have.
type IDs struct {
	// The name of the request header: "X-Room-Ids".
	Header string `json:"header"`

	// The type of the objects: "room".
	Type string `json:"type"`

	// The permission that is asked for about each.
	Permission string `json:"permission"`
}

// What a header holds at most. Where there are more ids, or may be, a second header says so: its name is the first one's with -More behind it.
const (
	maxIDs     = 1000
	maxIDBytes = 16 << 10
	moreSuffix = "-More"
	allIDs     = "*" // no id is written so: the sign would be %2A
)

func (i IDs) check() error {
	if len(i.Header) < 3 || len(i.Header) > 64 || i.Header[0]|0x20 != 'x' || i.Header[1] != '-' || strings.Trim(strings.ToLower(i.Header), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("ids %q: write a header that begins with X-, as X-Room-Ids", i.Header)
	}
	if fold := foldHeader(i.Header); taken[fold] {
		return fmt.Errorf("ids %q: the gateway uses this header for something else", i.Header)
	}
	if i.Type == "" || strings.Trim(i.Type, objectType) != "" {
		return fmt.Errorf("ids: %q is no type of objects", i.Type)
	}
	if strings.TrimSpace(i.Permission) == "" {
		return errors.New("ids: a permission is missing")
	}
	return nil
}

func checkIDs(list []IDs) error {
	seen := map[string]bool{}
	for _, i := range list {
		if err := i.check(); err != nil {
			return err
		}
		name := foldHeader(i.Header)
		if seen[name] || seen[name+foldHeader(moreSuffix)] || seen[strings.TrimSuffix(name, foldHeader(moreSuffix))] {
			return fmt.Errorf("ids: %s is given twice", i.Header)
		}
		seen[name] = true
	}
	return nil
}

// lists gives the back end the ids that the route says. Fail closed: where they can't be told, the request does not go on.
func (h *Handler) lists(ctx context.Context, header http.Header, rt *compiled, base engine.Input) error {
	for _, i := range rt.ids {
		in := base
		in.Permission, in.Resource, in.Parent, in.Target = i.Permission, engine.Object{Type: i.Type}, engine.Object{}, ""
		ids, all, more, err := h.policy.IDs(ctx, &in, maxIDs)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnavailable, err)
		}
		text, cut := joinIDs(ids)
		if all {
			text = allIDs
		}
		name := http.CanonicalHeaderKey(i.Header)
		header[name] = []string{text}
		if more || cut {
			header[name+moreSuffix] = []string{"true"}
		}
	}
	return nil
}

// joinIDs writes ids with commas between; in them, all but letters, digits and -._~ is %-encoded.
func joinIDs(ids []string) (text string, cut bool) {
	var b []byte
	for _, id := range ids {
		before := len(b)
		if before > 0 {
			b = append(b, ',')
		}
		for _, c := range []byte(id) {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
				b = append(b, c)
			} else {
				b = fmt.Appendf(b, "%%%02X", c)
			}
		}
		if len(b) > maxIDBytes {
			return string(b[:before]), true
		}
	}
	return string(b), false
}

// reserve takes the headers of all routes out of clients' requests, wherever they go.
func (r *router) reserve(routes []Route) {
	for _, rt := range routes {
		for _, i := range rt.IDs {
			for _, name := range []string{i.Header, i.Header + moreSuffix} {
				if fold := foldHeader(name); !slices.Contains(r.reserved, fold) {
					r.reserved = append(r.reserved, fold)
				}
			}
		}
	}
}

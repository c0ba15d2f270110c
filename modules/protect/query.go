package protect

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/protect/field"
	"github.com/convosphere/gateway/modules/protect/record"
)

// queryIndex is a QueryIndex ready for use.
type queryIndex struct {
	name, member string
	keySet       *record.Name
}

func compileQuery(list []QueryIndex, p *route.Pattern) (out []queryIndex, err error) {
	seen := map[string]bool{}
	for _, q := range list {
		if q.Name == "" || seen[q.Name] {
			return nil, fmt.Errorf("index query %q: name each parameter once", q.Name)
		}
		seen[q.Name] = true
		c := queryIndex{name: q.Name, member: q.Member}
		if c.member == "" {
			c.member = q.Name
		}
		if c.keySet, err = record.ParseName(q.KeySet, p.Has); err != nil {
			return nil, fmt.Errorf("index query %s: key_set %w", q.Name, err)
		}
		if !c.keySet.Constant() {
			return nil, errors.New("index query: a query has no record: its key set is of variables of the path alone")
		}
		out = append(out, c)
	}
	return out, nil
}

// protectQuery refuses tokens, puts indexes in the place of what is searched for, and keeps fields out of where no encryption reaches.
func (h *Handler) protectQuery(r *http.Request, p *plan, vars record.Vars) *fault {
	raw := r.URL.RawQuery
	if raw == "" {
		return nil
	}
	if g := (field.Guard{Escapes: field.Percent}); g.String(raw) {
		return refusal(&record.Error{Err: record.ErrSent})
	}
	if len(p.query) == 0 && len(p.hidden) == 0 {
		return nil
	}
	pairs, err := record.ParseForm(raw)
	if err != nil {
		return &fault{http.StatusBadRequest, wordInvalid, err}
	}
	changed := false
	for i := range pairs {
		done, f := h.protectPair(r, p, vars, &pairs[i])
		if f != nil {
			return f
		}
		changed = changed || done
	}
	if changed {
		u := *r.URL
		u.RawQuery = record.EncodeForm(pairs)
		r.URL = &u
		r.RequestURI = u.RequestURI()
	}
	return nil
}

// protectPair works on one parameter.
func (h *Handler) protectPair(r *http.Request, p *plan, vars record.Vars, pair *record.Pair) (changed bool, f *fault) {
	at := &record.Error{Pointer: "/" + pair.Name, Err: record.ErrCase}
	base := pair.Name
	if i := strings.IndexAny(base, "[."); i >= 0 {
		base = base[:i]
	}
	for _, q := range p.query {
		switch {
		case q.name == pair.Name:
			return true, h.blind(r, q, vars, pair)
		case strings.EqualFold(q.name, base):
			return false, refusal(at)
		}
	}
	for _, name := range p.hidden {
		if strings.EqualFold(name, base) {
			at.Err = record.ErrOwn
			return false, refusal(at)
		}
	}
	return false, nil
}

// blind puts the index in the place of what is searched for.
func (h *Handler) blind(r *http.Request, q queryIndex, vars record.Vars, pair *record.Pair) *fault {
	name, err := q.keySet.Of(vars)
	if err != nil {
		return refusal(&record.Error{Pointer: "/" + pair.Name, Err: record.ErrUnnamed})
	}
	set, err := h.use(r.Context(), name)
	if err != nil {
		return refusal(fmt.Errorf("%w: %w", record.ErrKeys, err))
	}
	if pair.Value, err = record.Blind(set, q.member, pair.Value); err != nil {
		return refusal(err)
	}
	return nil
}

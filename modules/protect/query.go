package protect

import (
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/route"
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

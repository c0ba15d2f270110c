package protect

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/protect/record"
)

// classifier is what the handler needs of the app gw_policy: the table of what fields are, of the policy in force.
type classifier interface{ Fields() *classify.Table }

// plan is what is done on a route: what the configuration and the classification say together. It never changes.
type plan struct {
	name    string
	seal    *record.Plan // nil: nothing of requests
	open    *record.Plan // nil: nothing of answers
	query   []queryIndex
	file    *file    // what is a file, and encrypted whole; nil: nothing
	hidden  []string // members that must not come as parameters of the query, where no encryption reaches
	missing error    // a field must be encrypted that no record holds: fail closed
}

// protects tells whether there is anything to do.
func (p *plan) protects() bool {
	return p != nil && (p.seal != nil || p.open != nil || p.file != nil || len(p.query) > 0 || p.missing != nil)
}

// plans are those of one table. Another policy has another table.
type plans struct {
	table   *classify.Table
	any     bool     // the table has a field that is encrypted
	made    sync.Map // planKey → *plan
	scripts sync.Map // scriptKey → *script
}

type planKey struct {
	place *place
	file  *file
	route *classify.Route
}

// planner keeps the plans of the table in force.
type planner struct {
	classes classifier // nil: nothing is classified
	now     atomic.Pointer[plans]
}

// plans are those in force.
func (p *planner) plans() *plans {
	var table *classify.Table
	if p.classes != nil {
		table = p.classes.Fields()
	}
	now := p.now.Load()
	if now == nil || now.table != table {
		now = &plans{table: table}
		for _, r := range table.Routes() {
			now.any = now.any || r.Encrypts()
		}
		p.now.Store(now)
	}
	return now
}

// of is the plan of a place of the configuration, and a route of the table; nil where neither is there.
func (p *plans) of(at *place, f *file, method string, segs []string) *plan {
	route := p.table.Find(method, segs)
	if !route.Encrypts() {
		route = nil
	}
	if at == nil && f == nil && route == nil {
		return nil
	}
	key := planKey{at, f, route}
	if made, ok := p.made.Load(key); ok {
		return made.(*plan)
	}
	made, _ := p.made.LoadOrStore(key, compilePlan(at, f, route))
	return made.(*plan)
}

// compilePlan never fails: what can't be done is a plan that refuses.
func compilePlan(at *place, f *file, route *classify.Route) *plan {
	switch {
	case at != nil:
	case f != nil:
		at = &place{name: f.name, pattern: f.pattern}
	default:
		at = &place{name: route.Name, pattern: route.Path}
	}
	p := &plan{name: at.name, query: at.query, file: f, seal: at.sealing, open: at.opening}
	if route != nil {
		var sealing, opening error
		p.seal, sealing = record.Compile(at.records, record.Request, f.without(encrypted(route.Request)), at.pattern.Has)
		if p.open, opening = record.Compile(at.records, record.Answer, f.without(encrypted(route.Response)), at.pattern.Has); opening == nil {
			p.open, opening = p.open.WithSizes(at.sizes)
		}
		p.missing = errors.Join(of("the request", sealing), of("the answer", opening), at.unindexed(route.Query))
	}
	if !p.seal.Fields() {
		p.seal = nil
	}
	if !p.open.Fields() {
		p.open = nil
	}
	p.hidden = p.seal.Names()
	return p
}

// of says in which direction something is missing.
func of(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}

// encrypted are the pointers of fields that are.
func encrypted(fields []classify.Field) (pointers []string) {
	for _, f := range fields {
		if f.Encrypted {
			pointers = append(pointers, f.Pointer)
		}
	}
	return pointers
}

// unindexed finds a parameter that must be encrypted, and has no index in its place.
func (at *place) unindexed(fields []classify.Field) error {
	for _, name := range encrypted(fields) {
		found := false
		for _, q := range at.query {
			found = found || q.name == name
		}
		if !found {
			return &record.ErrNoPlace{Pointer: name}
		}
	}
	return nil
}

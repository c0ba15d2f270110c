package correlate

import "slices"

// Stats are figures of windows.
type Stats struct {
	Bytes      int64 // that groups take, as accounted for
	Groups     int   // that something is counted of
	Evicted    int64 // groups that went although something could still have come of them, for want of memory
	Late       int64 // events that came after their window was told
	Suppressed int64 // findings that were more of the same
	Rules      []RuleStats
}

// RuleStats are figures of one correlation.
type RuleStats struct {
	Rule    string // its id
	Groups  int
	Evicted int64
	Late    int64
}

// Stats counts. It takes a moment, since it looks at all parts.
func (w *Windows) Stats() Stats {
	all := Stats{Bytes: w.bytes.Load()}
	for _, s := range w.rules.Load().specs {
		one := RuleStats{Rule: s.rule.ID}
		for i := range s.tables {
			t := &s.tables[i]
			t.mu.Lock()
			one.Groups += len(t.groups)
			one.Evicted += t.evicted
			one.Late += t.late
			t.mu.Unlock()
		}
		all.Groups += one.Groups
		all.Evicted += one.Evicted
		all.Late += one.Late
		all.Rules = append(all.Rules, one)
	}
	w.told.mu.Lock()
	all.Suppressed = w.told.count
	w.told.mu.Unlock()
	return all
}

// Add adds other windows' figures.
func (s *Stats) Add(o Stats) {
	s.Bytes += o.Bytes
	s.Groups += o.Groups
	s.Evicted += o.Evicted
	s.Late += o.Late
	s.Suppressed += o.Suppressed
	for _, r := range o.Rules {
		i := slices.IndexFunc(s.Rules, func(own RuleStats) bool { return own.Rule == r.Rule })
		if i < 0 {
			s.Rules = append(s.Rules, r)
			continue
		}
		own := &s.Rules[i]
		own.Groups += r.Groups
		own.Evicted += r.Evicted
		own.Late += r.Late
	}
}

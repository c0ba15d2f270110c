package figure

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// series is what nodes counted, step by step. A name is a place in its counts, so that a year of them is read in a moment.
type series struct {
	places map[string]int
	names  []string
	points []point
}

type point struct {
	at     time.Time
	node   string
	counts []int64 // as names; those at its end that are 0 may be missing
}

// read gives what all nodes counted in steps that begin in that time, by the steps' beginnings.
func (s *Store) read(ctx context.Context, step time.Duration, from, to time.Time) (*series, error) {
	rows, err := s.db.Query(ctx, `SELECT at, node, body FROM figures WHERE step = ? AND at >= ? AND at < ? ORDER BY at, node LIMIT ?`,
		int64(step/time.Second), database.Micros(from.UTC().Truncate(step)), database.Micros(to), mostPoints)
	if err != nil {
		return nil, fmt.Errorf("reading figures: %w", err)
	}
	defer rows.Close()
	all := &series{places: map[string]int{}}
	for rows.Next() {
		var p point
		var at int64
		var body string
		if err := rows.Scan(&at, &p.node, &body); err != nil {
			return nil, fmt.Errorf("reading figures: %w", err)
		}
		p.at, p.counts = database.Time(at), make([]int64, len(all.names), len(all.names)+8)
		if err := all.parse(body, &p); err != nil {
			return nil, fmt.Errorf("reading figures: %w", err)
		}
		all.points = append(all.points, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading figures: %w", err)
	}
	return all, nil
}

// parse reads what Values.text wrote.
func (s *series) parse(text string, p *point) error {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		n, name, ok := cutNumber(line)
		if !ok {
			return fmt.Errorf("a line of figures is %.60q", line)
		}
		at, known := s.places[name]
		if !known {
			at = len(s.names)
			name = strings.Clone(name)
			s.places[name], s.names = at, append(s.names, name)
		}
		for len(p.counts) <= at {
			p.counts = append(p.counts, 0)
		}
		p.counts[at] += n
	}
	return nil
}

// cutNumber reads "17 name".
func cutNumber(line string) (n int64, name string, ok bool) {
	minus := strings.HasPrefix(line, "-")
	i := 0
	if minus {
		i = 1
	}
	first := i
	for ; i < len(line) && line[i] != ' '; i++ {
		if line[i] < '0' || line[i] > '9' || n > (math.MaxInt64-9)/10 {
			return 0, "", false
		}
		n = n*10 + int64(line[i]-'0')
	}
	if i == first || i+1 >= len(line) {
		return 0, "", false
	}
	if minus {
		n = -n
	}
	return n, line[i+1:], true
}

// of is a point's count of a name.
func (s *series) of(p *point, name string) int64 {
	at, ok := s.places[name]
	if !ok || at >= len(p.counts) {
		return 0
	}
	return p.counts[at]
}

// sum adds all up.
func (s *series) sum() Values {
	counts := make([]int64, len(s.names))
	for i := range s.points {
		for at, n := range s.points[i].counts {
			counts[at] += n
		}
	}
	v := make(Values, len(counts))
	for at, n := range counts {
		if n != 0 {
			v[s.names[at]] = n
		}
	}
	return v
}

package figure

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Import adds events that were written, one a line, each at its own time; a step in which there are some counts as time up. What is no event is left out and
// counted. Whoever imports the same twice has it twice.
func (s *Store) Import(ctx context.Context, r io.Reader) (events, faults int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	var e ecs.Event
	counted := map[time.Time]Values{}
	for lines.Scan() {
		if e.Parse(lines.Bytes()) != nil || e.Time().IsZero() {
			faults++
			continue
		}
		events++
		at := e.Time().Truncate(Fine)
		v := counted[at]
		if v == nil {
			if len(counted) >= mostWaiting {
				if err := s.Add(ctx, counted); err != nil {
					return events, faults, err
				}
				clear(counted)
			}
			v = Values{Up: Fine.Microseconds()} // whoever wrote it was up
			counted[at] = v
		}
		one := seenIn(&e)
		one.count(v)
	}
	if err := lines.Err(); err != nil {
		return events, faults, fmt.Errorf("reading events: %w", err)
	}
	return events, faults, s.Add(ctx, counted)
}

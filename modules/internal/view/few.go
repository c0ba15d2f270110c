package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Few makes a page of rows that are all at hand, and few enough to be: sorted as the query says, else as they come. What is in a row must be of its
// column's kind. Errors wrap ErrMalformed.
func Few(q Query, columns []Column, rows []Row) (Page, error) {
	from := 0
	if q.After != "" {
		n, err := strconv.Atoi(q.After)
		if err != nil || n < 0 {
			return Page{}, malformed("after is what a page before said")
		}
		from = min(n, len(rows))
	}
	if at := slices.IndexFunc(columns, func(c Column) bool { return c.Sort && c.Name == q.Sort }); at >= 0 {
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b Row) int {
			if q.Desc {
				a, b = b, a
			}
			return compare(a.Cells[at], b.Cells[at])
		})
	}
	p := Page{Total: len(rows)}
	to := min(from+q.Limit, len(rows))
	if p.Rows = rows[from:to]; to < len(rows) {
		p.Next = strconv.Itoa(to)
	}
	return p, nil
}

// compare orders two cells of one column. What is empty comes first.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	case string:
		if b, ok := b.(string); ok {
			return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
		}
	case []string:
		if b, ok := b.([]string); ok {
			return slices.Compare(a, b)
		}
	}
	return cmp.Compare(number(a), number(b))
}

// number is a cell that can be counted; 0 what can't.
func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	case time.Duration:
		return float64(v)
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

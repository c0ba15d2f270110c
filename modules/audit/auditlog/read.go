package auditlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
)

// Keys opens what is sealed: *personal.Keys.
type Keys interface {
	ByID(ctx context.Context, id string) (*personal.Key, error)
}

// Query says which events are read.
type Query struct {
	From, To     int64     // indexes From ≤ i < To; To 0: to the end
	Since, Until time.Time // zero: from the beginning, to the end
}

// Read gives the events of the log in order, as far as they are signed or, while a gateway writes, about to be. f's leaf is overwritten by the next. ErrStop ends it
// without an error.
func (f *Folder) Read(q Query, each func(*Leaf) error) error {
	all, err := segments(f.Dir)
	if err != nil {
		return err
	}
	var leaf Leaf
	for i, s := range all {
		if i+1 < len(all) && all[i+1].first <= q.From || q.To > 0 && s.first >= q.To {
			continue
		}
		err := eachLine(s.path, func(x line) error {
			if x.group || leaf.parse(x.text) != nil || leaf.Index < q.From || q.To > 0 && leaf.Index >= q.To || !q.within(leaf.Time) {
				return nil
			}
			return each(&leaf)
		})
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // retention was quicker
			return err
		}
	}
	return nil
}

// ErrStop ends Read.
var ErrStop = errStop

func (q Query) within(at string) bool {
	if q.Since.IsZero() && q.Until.IsZero() {
		return true
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	return err == nil && (q.Since.IsZero() || !t.Before(q.Since)) && (q.Until.IsZero() || t.Before(q.Until))
}

// Plain appends the event as it was, as one JSON object, where its key is there. Of one whose key was destroyed it is what tells of nobody, and `"audit.erased":true`.
func (f *Folder) Plain(ctx context.Context, dst []byte, l *Leaf, k Keys) ([]byte, error) {
	dst = fmt.Appendf(dst, `{"audit.index":%d`, l.Index)
	if public := l.Public[1 : len(l.Public)-1]; len(public) > 0 {
		dst = append(append(dst, ','), public...)
	}
	if l.Lost > 0 {
		dst = fmt.Appendf(dst, `,"audit.lost":%d`, l.Lost)
	}
	if l.KeyID != "" {
		key, err := k.ByID(ctx, l.KeyID)
		switch {
		case errors.Is(err, personal.ErrErased):
			dst = append(dst, `,"audit.erased":true`...)
		case err != nil:
			return nil, err
		default:
			sealed, err := l.open(f.Origin, key)
			if err != nil {
				return nil, fmt.Errorf("event %d: %w", l.Index, err)
			}
			if len(sealed) > 2 {
				dst = append(append(dst, ','), sealed[1:len(sealed)-1]...)
			}
		}
	}
	return append(dst, '}'), nil
}

// Size is how many events the log has, as its last checkpoint says.
func (f *Folder) Size() (int64, error) {
	h := f.hashes()
	c, err := f.latest(h)
	return c.Size, errors.Join(err, h.close())
}

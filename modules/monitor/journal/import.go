package journal

import (
	"context"
	"io"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
)

// Imported says what became of the lines of a file.
type Imported struct {
	Kept   int // events
	Old    int // events older than what is kept
	Broken int // lines that are no events
}

// Import keeps the events of a file of JSON lines (also gzip), as if they had just come, in the order in which they stand there: the oldest first. It waits
// for the disk, where Write drops. Events that are there already are there twice.
func (j *Journal) Import(ctx context.Context, r io.Reader) (Imported, error) {
	var n Imported
	_, err := eventfile.Lines(&untilDone{ctx, r}, func(line []byte) bool {
		j.adding.Lock()
		defer j.adding.Unlock()
		before := j.old.Load()
		switch kept := j.add(line, false); {
		case kept:
			n.Kept++
		case j.old.Load() > before:
			n.Old++
		default:
			n.Broken++
		}
		return true
	})
	j.Flush()
	return n, err
}

// untilDone ends reading when nobody waits for it any more.
type untilDone struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r *untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	perSave   = 500                // entries after which what is counted is saved, also before its time
	mostSaved = 8 << 20            // bytes of one partition
	savedFor  = 8 * 24 * time.Hour // unless it is saved again
)

// head stands before saved windows.
type head struct {
	UpTo    string           `json:"up_to"`   // the last entry that is counted
	Numbers map[string]int64 `json:"numbers"` // of the gateways' batches
}

// save has the next owner go on where this one is, also with what the stream does not have any more.
func (f *Fleet) save(ctx context.Context, p *partition) {
	first, err := json.Marshal(head{p.upTo, p.numbers})
	if err != nil { // of these there is none
		return
	}
	saved := append(append(first, '\n'), p.windows.Save(mostSaved)...)
	keys := []string{f.key(p.index, "owner"), f.key(p.index, "windows")}
	saved = f.o.Box.Seal(saved, keys[1])
	if err := saveScript.Run(ctx, f.client, keys, f.node, saved, savedFor.Milliseconds()).Err(); err == nil { // else it is tried after the next entries
		p.saved, p.since = time.Now(), 0
	}
}

// saveDue saves what changed and was not saved for a while.
func (f *Fleet) saveDue(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	for _, p := range f.owned {
		if p != nil && p.ready && p.commit == nil && p.since > 0 && time.Since(p.saved) >= f.o.Save {
			f.save(ctx, p)
		}
	}
}

// begin has the partition counted from the start of its stream.
func (f *Fleet) begin(p *partition) {
	w := f.windowsOf(p)
	f.mine.Lock()
	defer f.mine.Unlock()
	p.cursor, p.windows = "-", w
}

// restore takes over what the owner before saved. What can't be read, as another version's, is counted from the stream alone.
func (f *Fleet) restore(ctx context.Context, p *partition) error {
	f.begin(p)
	saved, err := f.client.Get(ctx, f.key(p.index, "windows")).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	if saved, err = f.o.Box.Open(saved, f.key(p.index, "windows")); err != nil {
		return nil // nobody of this fleet wrote it
	}
	first, rest, _ := bytes.Cut(saved, []byte{'\n'})
	var h head
	if json.Unmarshal(first, &h) != nil || h.UpTo == "" || len(h.Numbers) > maxNodes || p.windows.Restore(rest) != nil {
		f.begin(p)
		return nil
	}
	p.cursor = "(" + h.UpTo
	if h.Numbers != nil {
		p.numbers = h.Numbers
	}
	return nil
}

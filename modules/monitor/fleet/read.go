package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const (
	perRead = 50   // entries of one partition, at once
	perPast = 200  // entries of the past, at once
	pages   = 5    // of the past, in one turn
	perTurn = 8    // times that all partitions are read in one turn, while there is something
	claims  = 1000 // entries claimed at once
)

// read counts what came into the partitions that are owned.
func (f *Fleet) read(ctx context.Context) {
	for _, p := range f.owned {
		if p != nil && !p.ready && time.Now().Before(p.until) {
			f.catchUp(ctx, p)
		}
	}
	for range perTurn {
		if !f.readOnce(ctx) {
			return
		}
		if time.Since(f.beat) >= f.o.Lease/5 {
			return // the leases come first
		}
	}
}

// readOnce reads some of each partition; more tells that there may be more.
func (f *Fleet) readOnce(ctx context.Context) (more bool) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	var answers [Partitions]*redis.XStreamSliceCmd
	_, _ = f.client.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each answer has its own error
		for i, p := range f.owned {
			if p != nil && p.ready && p.commit == nil && time.Now().Before(p.until) {
				answers[i] = pipe.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: f.node, Streams: []string{f.key(i, "hits"), ">"}, Count: perRead, Block: -1})
			}
		}
		return nil
	})
	for i, p := range f.owned {
		if p == nil {
			continue
		}
		if a := answers[i]; a != nil {
			more = f.answer(ctx, p, a) || more
		}
		if p.commit != nil {
			f.settle(ctx, p)
		}
	}
	return more
}

// answer counts what was read of a partition.
func (f *Fleet) answer(ctx context.Context, p *partition, a *redis.XStreamSliceCmd) (more bool) {
	streams, err := a.Result()
	if err != nil && strings.HasPrefix(err.Error(), "NOGROUP") { // Redis lost what it had; what is counted here is still good
		if f.client.XGroupCreateMkStream(ctx, f.key(p.index, "hits"), group, "0").Err() == nil { // else with the next answer
			p.read = "0-0"
		}
		return false
	}
	var ids []string
	for _, s := range streams {
		for _, entry := range s.Messages {
			f.take(p, entry, false)
			ids = append(ids, entry.ID)
			p.read = entry.ID
		}
	}
	p.silent = false
	p.windows.Advance(time.Now(), p.note)
	if len(ids) > 0 || len(p.found) > 0 {
		p.commit, p.found = &commit{ids, p.found}, nil
	}
	return len(ids) == perRead
}

// settle acknowledges and tells. Where the partition is somebody else's by now, that one tells.
func (f *Fleet) settle(ctx context.Context, p *partition) {
	args := make([]any, 0, 3+len(p.commit.ids)+2*len(p.commit.found))
	args = append(args, f.node, group, len(p.commit.ids))
	for _, id := range p.commit.ids {
		args = append(args, id)
	}
	ids := make([]string, 0, len(p.commit.found))
	for _, found := range p.commit.found {
		text, err := json.Marshal(found)
		if err != nil { // of what a finding has there is none
			continue
		}
		args = append(args, found.ID, f.o.Box.Seal(text, f.telling(p.index, found.ID)))
		ids = append(ids, found.ID)
	}
	telling := f.key(p.index, "telling")
	n, err := commitScript.Run(ctx, f.client, []string{f.key(p.index, "owner"), f.key(p.index, "hits"), telling}, args...).Int()
	if err != nil {
		return // it is asked again; doing it twice is doing it once
	}
	c := p.commit
	p.commit = nil
	if n == 0 {
		f.own(p.index, nil)
		return
	}
	for _, found := range c.found {
		f.found(found)
	}
	if p.ready && len(c.ids) > 0 { // in catching up entries are settled before older ones are counted
		p.upTo = c.ids[len(c.ids)-1]
		p.since += len(c.ids)
	}
	if len(ids) > 0 {
		_ = f.client.HDel(ctx, telling, ids...).Err() // else the next owner tells it again, under the same id
	}
	if p.since >= perSave {
		f.save(ctx, p)
	}
}

// sweep counts what was read and never acknowledged: by this gateway, when the answer was lost, or by one that did not know yet that it had lost its lease.
func (f *Fleet) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	for _, p := range f.owned {
		if p == nil || !p.ready || p.commit != nil || !time.Now().Before(p.until) {
			continue
		}
		entries, _, err := f.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: f.key(p.index, "hits"), Group: group, Consumer: f.node, MinIdle: f.o.Lease, Start: "0-0", Count: perRead,
		}).Result()
		if err != nil || len(entries) == 0 {
			continue
		}
		c := commit{}
		for _, entry := range entries {
			f.take(p, entry, false)
			c.ids = append(c.ids, entry.ID)
		}
		c.found, p.found = p.found, nil
		p.commit = &c
		upTo := p.upTo // these are older
		f.settle(ctx, p)
		p.upTo = upTo
	}
}

// catchUp counts what the stream has of before this gateway owned the partition: silently, as it was told, but for what nobody acknowledged.
func (f *Fleet) catchUp(ctx context.Context, p *partition) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	if p.claimed == nil {
		if err := f.claim(ctx, p); err != nil {
			return // the next turn tries again
		}
	}
	for range pages {
		entries, err := f.client.XRangeN(ctx, f.key(p.index, "hits"), p.cursor, p.last, perPast).Result()
		if err != nil {
			return
		}
		c := commit{}
		for _, entry := range entries {
			f.take(p, entry, !p.claimed[entry.ID])
			if p.claimed[entry.ID] {
				c.ids = append(c.ids, entry.ID)
			}
			p.cursor = "(" + entry.ID
		}
		if len(c.ids) > 0 {
			c.found, p.found = p.found, nil
			if p.commit != nil {
				c.ids, c.found = append(p.commit.ids, c.ids...), append(p.commit.found, c.found...)
			}
			p.commit = &c
		}
		if len(entries) < perPast {
			p.ready, p.claimed, p.upTo, p.read = true, nil, p.last, p.last
			return
		}
	}
}

// claim takes over what another owner read and did not acknowledge, tells what it had found and not told, and notes where the past ends.
func (f *Fleet) claim(ctx context.Context, p *partition) error {
	stream := f.key(p.index, "hits")
	if err := f.client.XGroupCreateMkStream(ctx, stream, group, "0").Err(); err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	if err := f.restore(ctx, p); err != nil {
		return err
	}
	left, err := f.client.HGetAll(ctx, f.key(p.index, "telling")).Result()
	if err != nil {
		return err
	}
	claimed := map[string]bool{}
	for start := "0-0"; ; {
		entries, next, err := f.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: stream, Group: group, Consumer: f.node, Start: start, Count: claims}).Result()
		if err != nil {
			return err
		}
		for _, e := range entries {
			claimed[e.ID] = true
		}
		if start = next; start == "0-0" {
			break
		}
	}
	groups, err := f.client.XInfoGroups(ctx, stream).Result()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g.Name == group {
			p.last = g.LastDeliveredID
		}
	}
	if p.last == "" {
		return errors.New("the streams' group is gone")
	}
	p.claimed = claimed
	f.tellLeft(ctx, p, left)
	return nil
}

// telling is what a finding is bound to that is about to be told.
func (f *Fleet) telling(partition int, id string) string {
	return store.Key("telling", f.key(partition, "telling"), id)
}

// tellLeft tells what the owner before had found, and could not tell any more.
func (f *Fleet) tellLeft(ctx context.Context, p *partition, left map[string]string) {
	for id, text := range left {
		var found finding.Finding
		plain, err := f.o.Box.Open([]byte(text), f.telling(p.index, id))
		if err == nil && json.Unmarshal(plain, &found) == nil { // another version's can't be told, and nobody else's is
			f.found(&found)
		}
		_ = f.client.HDel(ctx, f.key(p.index, "telling"), id).Err() // else it is told again, under the same id
	}
}

// Stats counts. It takes a moment.
func (f *Fleet) Stats() Stats {
	c := &f.counts
	s := Stats{
		Up: f.up.Load(), Sent: c.sent.Load(), Lost: c.lost.Load(), Counted: c.counted.Load(), Repeated: c.repeated.Load(), Gaps: c.gaps.Load(), Took: c.took.Load(),
		Waiting: int64(f.queue.size()),
	}
	if f.o.Spool != nil {
		s.Waiting += f.o.Spool.Size()
	}
	f.mine.Lock()
	defer f.mine.Unlock()
	for _, p := range f.owned {
		if p != nil {
			if time.Now().Before(p.until) {
				s.Owned++
			}
			s.Windows.Add(p.windows.Stats())
		}
	}
	return s
}

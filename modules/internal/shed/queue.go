package shed

import (
	"math"
	"runtime/metrics"
	"time"
)

const (
	waits = "/sched/latencies:seconds"
	// Of all waits most are short even under load, since who is woken by a channel runs at once: what tells is the slowest tenth.
	quantile = 0.9
	// So few waits tell nothing. Where they were long they are read with those until the next look: with nothing but long work to run, the scheduler ends
	// a hundred waits a second for each processor, and counts one in eight of them.
	fewest = 8
	// After so many looks few are few, and one long wait among nearly nothing is no queue.
	patience = 4
)

// queue reads how long goroutines waited since it was asked before.
type queue struct {
	sample []metrics.Sample
	long   time.Duration // from which on waits are long
	before []uint64      // the counts when it last told
	looks  int           // since then
}

func newQueue(long time.Duration) *queue {
	q := &queue{sample: []metrics.Sample{{Name: waits}}, long: long}
	metrics.Read(q.sample)
	q.before = append(q.before, q.sample[0].Value.Float64Histogram().Counts...)
	return q
}

// read tells the queue time since it last told, 0 where nearly nothing ran; or that it can't be told yet.
func (q *queue) read() (wait time.Duration, told bool) {
	metrics.Read(q.sample)
	h := q.sample[0].Value.Float64Histogram()
	return q.take(h.Counts, h.Buckets)
}

// take is read of these counts: since the process began, of waits between these bounds.
func (q *queue) take(counts []uint64, buckets []float64) (wait time.Duration, told bool) {
	since := make([]uint64, len(counts))
	total := uint64(0)
	for i, n := range counts {
		since[i] = n - q.before[i]
		total += since[i]
	}
	wait = quantileOf(since, buckets, total)
	if total < fewest {
		if q.looks++; wait >= q.long && q.looks < patience {
			return 0, false
		}
		wait = 0
	}
	q.before, q.looks = append(q.before[:0], counts...), 0
	return wait, true
}

// quantileOf is the lower bound of the bucket in which the quantile lies. buckets has a bound more than counts, and may begin and end in infinities.
func quantileOf(counts []uint64, buckets []float64, total uint64) time.Duration {
	rest := uint64(math.Ceil(quantile * float64(total)))
	for i, n := range counts {
		if n >= rest {
			return time.Duration(max(buckets[i], 0) * float64(time.Second))
		}
		rest -= n
	}
	return 0
}

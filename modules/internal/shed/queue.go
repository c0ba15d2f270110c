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
	// So few waits tell nothing.
	fewest = 8
)

// queue reads how long goroutines waited since it was asked before.
type queue struct {
	sample []metrics.Sample
	before []uint64
}

func newQueue() *queue {
	q := &queue{sample: []metrics.Sample{{Name: waits}}}
	q.read()
	return q
}

// read is 0 where nearly nothing ran.
func (q *queue) read() time.Duration {
	metrics.Read(q.sample)
	h := q.sample[0].Value.Float64Histogram()
	since := make([]uint64, len(h.Counts))
	total := uint64(0)
	for i, n := range h.Counts {
		since[i] = n
		if q.before != nil {
			since[i] -= q.before[i]
		}
		total += since[i]
	}
	q.before = append(q.before[:0], h.Counts...)
	if total < fewest {
		return 0
	}
	return quantileOf(since, h.Buckets, total)
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

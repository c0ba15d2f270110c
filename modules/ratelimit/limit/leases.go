package limit

import "container/heap"

// holders are the leases of one key that have not ended, the one that ends first on top.
type holders struct {
	list []holder
	at   map[Lease]int // in list
}

type holder struct {
	lease Lease
	until int64
}

func (h *holders) Len() int           { return len(h.list) }
func (h *holders) Less(i, j int) bool { return h.list[i].until < h.list[j].until }
func (h *holders) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.at[h.list[i].lease], h.at[h.list[j].lease] = i, j
}

// Push implements heap.Interface.
func (h *holders) Push(x any) {
	h.at[x.(holder).lease] = len(h.list)
	h.list = append(h.list, x.(holder))
}

// Pop implements heap.Interface.
func (h *holders) Pop() any {
	last := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	delete(h.at, last.lease)
	return last
}

// sweep drops the leases that have ended, and tells how many.
func (h *holders) sweep(now int64) (n int) {
	for ; len(h.list) > 0 && h.list[0].until <= now; n++ {
		heap.Pop(h)
	}
	return n
}

// hold takes or renews a lease, and tells whether it is a new one.
func (h *holders) hold(l Lease, until int64) bool {
	i, held := h.at[l]
	if held {
		h.list[i].until = until
		heap.Fix(h, i)
	} else {
		heap.Push(h, holder{l, until})
	}
	return !held
}

// end drops a lease, and tells whether it was there.
func (h *holders) end(l Lease) bool {
	i, held := h.at[l]
	if held {
		heap.Remove(h, i)
	}
	return held
}

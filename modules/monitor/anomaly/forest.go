package anomaly

import (
	"math"
	"math/rand/v2"
)

const (
	trees     = 25
	depth     = 8
	nodes     = 1<<(depth+1) - 1
	reference = 512 // vectors between two references
	fewest    = 16  // a node with fewer ends the way down
)

// forest is streaming half-space trees: which share of the space a vector lies in is compared with how many of the vectors before lay there. The cuts are
// made once, from a fixed seed, so that replay gives what was given live.
type forest struct {
	tree  [trees]halfSpaces
	seen  int // since the reference was taken
	ready bool
}

type halfSpaces struct {
	by       [nodes]uint8   // the feature that is cut
	at       [nodes]float32 // where
	now, ref [nodes]uint16  // how many lay there: in this period, in the one before
}

func newForest() *forest {
	f := new(forest)
	r := rand.New(rand.NewPCG(8, 9)) //nolint:gosec // the cuts are no secret, and must be the same in replay
	for t := range f.tree {
		var low, high [features]float64
		for i := range high { // a work range around a random point, as the paper has it, over features scaled to 0…1
			c := r.Float64()
			w := 2 * math.Max(c, 1-c)
			low[i], high[i] = c-w/2, c+w/2
		}
		f.tree[t].cut(r, 0, low, high)
	}
	return f
}

func (h *halfSpaces) cut(r *rand.Rand, node int, low, high [features]float64) {
	i := r.IntN(features)
	mid := (low[i] + high[i]) / 2
	h.by[node], h.at[node] = uint8(i), float32(mid)
	if 2*node+2 >= nodes {
		return
	}
	left, right := high, low
	left[i], right[i] = mid, mid
	h.cut(r, 2*node+1, low, left)
	h.cut(r, 2*node+2, right, high)
}

// mass is how much lies where the vector lies, in all trees: little is unusual. False while there is no reference.
func (f *forest) mass(v *[features]float32) (float64, bool) {
	if !f.ready {
		return 0, false
	}
	sum := 0.0
	for t := range f.tree {
		sum += f.tree[t].mass(v)
	}
	return sum, true
}

func (h *halfSpaces) mass(v *[features]float32) float64 {
	node, deep := 0, 0
	for 2*node+2 < nodes && h.ref[node] >= fewest {
		node, deep = h.next(node, v), deep+1
	}
	return float64(h.ref[node]) * float64(int(1)<<deep)
}

func (h *halfSpaces) next(node int, v *[features]float32) int {
	if v[h.by[node]] < h.at[node] {
		return 2*node + 1
	}
	return 2*node + 2
}

// learn notes the vector.
func (f *forest) learn(v *[features]float32) {
	for t := range f.tree {
		h := &f.tree[t]
		for node := 0; node < nodes; node = h.next(node, v) {
			h.now[node]++
		}
	}
	if f.seen++; f.seen < reference {
		return
	}
	for t := range f.tree {
		f.tree[t].ref, f.tree[t].now = f.tree[t].now, [nodes]uint16{}
	}
	f.seen, f.ready = 0, true
}

package anomaly

import "math"

const mostRoutes = 255

// routes is which route follows which, of all subjects. Routes are of the configuration and few; those beyond the bound are one.
type routes struct {
	ids   map[string]uint8
	after [mostRoutes + 1][mostRoutes + 1]float32
	from  [mostRoutes + 1]float32
}

func newRoutes() *routes { return &routes{ids: map[string]uint8{}} }

// id is the route's number from 1; the last one stands for all beyond the bound.
func (r *routes) id(route string) uint8 {
	id, ok := r.ids[route]
	if ok {
		return id
	}
	if len(r.ids) >= mostRoutes-1 {
		return mostRoutes
	}
	id = uint8(len(r.ids) + 1)
	r.ids[route] = id
	return id
}

// surprise is how unexpected it is that one route follows the other, in nats: -ln of the probability, with one made-up observation for each route.
func (r *routes) surprise(from, to uint8) float64 {
	return -math.Log(float64(r.after[from][to]+1) / float64(r.from[from]+float32(len(r.ids)+1)))
}

func (r *routes) learn(from, to uint8) {
	r.after[from][to]++
	if r.from[from]++; r.from[from] > 1<<20 { // the past counts for less, and sums stay exact
		for i := range r.after[from] {
			r.after[from][i] /= 2
		}
		r.from[from] /= 2
	}
}

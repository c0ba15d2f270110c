package figure

import (
	"fmt"
	"math"
	"time"

	"github.com/convosphere/gateway/modules/internal/cost"
)

// Price is what a part added to the requests that were timed.
type Price struct {
	Part string        `json:"part"` // of cost; all: together
	N    int64         `json:"timed"`
	Mean time.Duration `json:"mean_ns"`
	P50  time.Duration `json:"p50_ns"` // no more than this; at least half of it
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// Known tells whether any request was timed.
func (p Price) Known() bool { return p.N > 0 }

// priceOf is that of a part, by its name.
func priceOf(v Values, part string) Price {
	name := Cost + part
	p := Price{Part: part, N: v[name+".n"]}
	if p.N == 0 {
		return p
	}
	p.Mean = time.Duration(v[name+".ns"] / p.N)
	p.P50, p.P95, p.P99 = quantile(v, name, p.N, .5), quantile(v, name, p.N, .95), quantile(v, name, p.N, .99)
	return p
}

// quantile is the end of the bucket that it lies in: it is no more than that, and more than half of it.
func quantile(v Values, name string, n int64, q float64) time.Duration {
	ends := cost.Buckets()
	need, have := int64(math.Ceil(q*float64(n))), int64(0)
	for i, end := range ends {
		if have += v[fmt.Sprintf("%s.b%d", name, i)]; have >= need {
			return time.Duration(math.Round(end * 1e9))
		}
	}
	return time.Duration(math.Round(ends[len(ends)-1] * 2e9)) // or more
}

// prices are those of all parts that had any, in their order on the path.
func prices(v Values) []Price {
	all := []Price{}
	for _, part := range cost.Parts() {
		if p := priceOf(v, part.String()); p.Known() {
			all = append(all, p)
		}
	}
	return all
}

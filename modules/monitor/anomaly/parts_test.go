package anomaly

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
)

func TestSketch(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 40, 100, 1000, 20_000} {
		off := 0.0
		const tries = 20
		for try := range tries {
			var s sketch
			for i := range n {
				for range 3 { // again counts once
					s.add(xxhash.Sum64String(strconv.Itoa(try*1_000_000 + i)))
				}
			}
			off += math.Abs(s.count()-float64(n)) / max(1, float64(n))
		}
		if off/tries > 0.15 {
			t.Errorf("%d: off by %.0f %% on average", n, 100*off/tries)
		}
	}
}

// A day that is like those before it is as forecast, whatever its hours; one with five times as much is not, and is not learned from.
func TestSeason(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s season
	usual := func(b int64) float64 {
		hour := float64(b%perDay) / perDay * 2 * math.Pi
		return (1000 + 900*math.Sin(hour)) * math.Exp(0.1*r.NormFloat64())
	}
	for b := range int64(warmUp) {
		if dev, _ := s.close(b, usual(b)); dev != 0 {
			t.Fatal("it speaks before it knows anything")
		}
	}
	worst := 0.0
	for b := int64(warmUp); b < 7*perDay; b++ {
		dev, _ := s.close(b, usual(b))
		worst = max(worst, math.Abs(dev))
	}
	if worst > 7 {
		t.Errorf("an ordinary day is %.1f deviations off", worst)
	}
	for b := int64(7 * perDay); b < 7*perDay+24; b++ { // for two hours
		if dev, factor := s.close(b, 5*usual(b)); dev < 6 || factor < 3 {
			t.Errorf("bin %d: %.1f deviations, %.1f times", b, dev, factor)
		}
	}
}

// Where little lay before, little mass is.
func TestForest(t *testing.T) {
	f, r := newForest(), rand.New(rand.NewPCG(3, 4))
	near := func() (v [features]float32) {
		for i := range v {
			v[i] = float32(0.3 + 0.03*r.NormFloat64())
		}
		return v
	}
	if _, ok := f.mass(new([features]float32)); ok {
		t.Fatal("it knows what it has not seen")
	}
	for range 2 * reference {
		v := near()
		f.learn(&v)
	}
	least := math.Inf(1)
	for range 200 {
		v := near()
		m, ok := f.mass(&v)
		if !ok {
			t.Fatal("it knows nothing")
		}
		least = min(least, m)
	}
	var far [features]float32
	for i := range far {
		far[i] = float32(i%2) * 0.95
	}
	if m, _ := f.mass(&far); m >= least {
		t.Errorf("far off lies %.0f, near %.0f at the least", m, least)
	}
}

func TestCrowd(t *testing.T) {
	c := newCrowd()
	if _, ok := c.tail(1); ok {
		t.Fatal("it knows what it has not seen")
	}
	for i := range 3 * generation {
		c.learn(float64(i % 1000))
	}
	for x, want := range map[float64]float64{500: .5, 990: .01, 5000: 0} {
		if tail, ok := c.tail(x); !ok || math.Abs(tail-want) > 0.003 {
			t.Errorf("%.0f: %.4f, want %.4f", x, tail, want)
		}
	}
}

// Routes that follow each other as usual surprise little, others much, and there is a bound on how many are known.
func TestRoutes(t *testing.T) {
	r := newRoutes()
	a, b, c := r.id("a"), r.id("b"), r.id("c")
	for range 1000 {
		r.learn(a, b)
		r.learn(b, a)
	}
	if usual, odd := r.surprise(a, b), r.surprise(a, c); usual > 0.1 || odd < 5 {
		t.Error(usual, odd)
	}
	for i := range 1000 {
		r.id(strconv.Itoa(i))
	}
	if len(r.ids) > mostRoutes || r.id("one more") != r.id("another") || r.id("a") != a {
		t.Error("routes without a bound")
	}
	for range 3 << 19 {
		r.learn(a, b)
	}
	if r.from[a] > 1<<20+1 || math.IsNaN(r.surprise(a, c)) {
		t.Error(r.from[a])
	}
}

// Who was heard of last stays; the one who was not heard of for longest goes.
func TestTable(t *testing.T) {
	table := newTable(100 * size)
	for i := range uint64(100) {
		table.get(i).windows = uint32(i)
	}
	table.get(0)
	table.get(1000)
	if _, ok := table.known(1); ok || table.evicted != 1 {
		t.Error("the coldest one stays")
	}
	if s, ok := table.known(0); !ok || s.windows != 0 || s.key != 0 {
		t.Error("one that was heard of is gone")
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		k := r.Uint64N(300)
		if s := table.get(k); s.key != k {
			t.Fatal("a subject is taken for another")
		}
	}
	n := 0
	for i := table.first; i != none; i = table.at(i).next {
		n++
	}
	if n != 100 || len(table.index) != 100 || table.used != 100 {
		t.Error(n, len(table.index), table.used)
	}
}

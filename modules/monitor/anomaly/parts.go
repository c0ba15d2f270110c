package anomaly

import (
	"fmt"
	"math"
)

// part is what one side of a window says.
type part struct {
	says  float64 // 0, nothing, to 1
	words string  // for people
}

// parts are what there is to say of a window that is not as usual. Nothing, while too little is known of all subjects.
func (d *Detector) parts(kind int, s *subject, v *[features]float32) (said []part) {
	for i := range all {
		if p, ok := d.one(kind, i, s, float64(v[i])); ok {
			said = append(said, p)
		}
	}
	if len(said) == 0 {
		return nil // places, hours and rare mixtures alone are what people have who travel or work late
	}
	if n := s.newCountries(); n > 0 && s.windows >= warm {
		said = append(said, part{min(0.25*float64(n), 0.8), plural(n, "new country", "new countries")})
	}
	if s.oddHour() {
		said = append(said, part{0.3, "an unusual time of the day"})
	}
	scaled := scale(v)
	if mass, ok := d.forests[kind].mass(&scaled); ok {
		if tail, ok := d.rarity[kind].tail(-mass); ok && tail < 0.01 {
			said = append(said, part{0.5 * rare(tail), "a rare mixture"})
		}
	}
	return said
}

// one is what one feature says: it must be unusual both for the subject and among all.
func (d *Detector) one(kind, i int, s *subject, x float64) (part, bool) {
	f := &all[i]
	raw := s.raw(i)
	if raw < f.least {
		return part{}, false
	}
	tail, ok := d.crowds[kind][i].tail(x)
	if !ok || tail > 0.01 {
		return part{}, false
	}
	if s.windows < warm {
		// Nothing is known of the subject: it counts for what it is among all, and less.
		words := oddOrder
		if i != order {
			words = fmt.Sprintf("more %s than %s of others have", f.words, share(tail))
		}
		return part{0.7 * f.weight * rare(tail), words}, true
	}
	sd := max(1.25*float64(s.dev[i]), f.floor)
	z := (x - float64(s.mean[i])) / sd
	if z < 3 {
		return part{}, false
	}
	own := min((z-3)/4+0.4, 1)
	return part{f.weight * own * rare(tail), f.told(x, float64(s.mean[i]))}, true
}

const oddOrder = "an order of routes that hardly anybody takes"

// told says how far a value is from the subject's own.
func (f *feature) told(x, mean float64) string {
	if f == &all[order] {
		return oddOrder
	}
	times := math.Expm1(x) / max(math.Expm1(mean), 1)
	if times < 10 {
		return fmt.Sprintf("%.1f times its own number of %s", times, f.words)
	}
	return fmt.Sprintf("%.0f times its own number of %s", times, f.words)
}

// rare turns a share of others into how much it says: one of a hundred little, one of a hundred thousand all.
func rare(tail float64) float64 { return min(max((-math.Log10(tail)-1.5)/2.5, 0), 1) }

func share(tail float64) string {
	switch {
	case tail <= 0.0001:
		return "99.99 %"
	case tail <= 0.001:
		return "99.9 %"
	}
	return "99 %"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

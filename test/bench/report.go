package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
)

// result is all samples of one profile and method.
type result struct{ rates, p99s []float64 }

func (r *result) add(s sample) {
	r.rates, r.p99s = append(r.rates, s.rate), append(r.p99s, s.p99)
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// ratio is the median of the rounds' own ratios: both of a round were measured within seconds.
func ratio(r, base *result) float64 {
	if base == nil {
		return 0
	}
	var all []float64
	for i := range min(len(r.rates), len(base.rates)) {
		all = append(all, r.rates[i]/base.rates[i])
	}
	return median(all)
}

// aims are what profiles must reach of their base.
var aims = []struct {
	profile, base, title string
	ratio                float64
}{
	{"without-waf", "plain", "without the WAF", 0.6},
	{"whole", "without-monitor", "the whole path with monitoring", 0.95},
	{"waf-only", "plain-http", "the WAF alone", 0.33},
	{"limit-local", "plain", "local limits, TLS", 0.9},
	{"limit-local-http", "plain-http", "local limits", 0.9},
	{"limit-exact", "plain", "exact limits, TLS", 0.6},
	{"limit-exact-http", "plain-http", "exact limits", 0.6},
	{"limit-refused", "plain", "a refused flood, TLS", 0.9},
	{"limit-refused-http", "plain-http", "a refused flood", 0.9},
}

func report(o options, all []*profile, results map[string]*result) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tGET req/s\tratio\tp99 ms\tPOST req/s\tratio\tp99 ms\t")
	for _, p := range all {
		fmt.Fprintf(w, "%s\t", p.title)
		for _, m := range []string{"GET", "POST"} {
			r := results[p.name+" "+m]
			fmt.Fprintf(w, "%.0f\t%.2f\t%.1f\t", median(r.rates), ratio(r, results[p.base+" "+m]), median(r.p99s))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	for _, aim := range aims {
		for _, m := range []string{"GET", "POST"} {
			r, base := results[aim.profile+" "+m], results[aim.base+" "+m]
			if r == nil || base == nil {
				continue
			}
			met := "met"
			if ratio(r, base) < aim.ratio {
				met = "missed"
			}
			of := "plain Caddy"
			if aim.base == "without-monitor" {
				of = "that without"
			}
			fmt.Printf("aim, %s at least %.2f of %s, %s: %s (%.2f)\n", aim.title, aim.ratio, of, m, met, ratio(r, base))
		}
	}
	asked(o, all)
}

// asked prints what the limits had Redis do. Each gateway tells the others once in a while that it lives, whatever its clients do: of a flood
// nothing else may come through.
func asked(o options, all []*profile) {
	for _, p := range all {
		if p.limits == nil || len(p.limits.asked) == 0 {
			continue
		}
		fmt.Printf("%s: scripts that Redis ran, by measurement: %v\n", p.title, p.limits.asked)
		if !p.limits.flood {
			continue
		}
		met := "met"
		if slices.Max(p.limits.asked) > o.seconds {
			met = "missed"
		}
		fmt.Printf("aim, %s asks nothing of Redis, beside one sign of life a second at most: %s\n", p.title, met)
	}
}

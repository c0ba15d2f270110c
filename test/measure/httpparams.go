package main

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"

	"github.com/convosphere/gateway/test/kit"
)

// httpparams sends parameter values, a part of them chosen once and for all, and prints what was refused by kind.
func httpparams(t kit.T, file string, n int, g *gateway) {
	values, err := readParams(file)
	if err != nil {
		t.Fatalf("the HTTP parameters: %v", err)
	}
	if n > 0 && n < len(values) {
		rand.New(rand.NewPCG(1961, 31_067)).Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		values = values[:n]
	}
	var all []request
	for _, v := range values {
		all = append(all, request{method: "GET", target: "/?q=" + url.QueryEscape(v.text)})
	}
	kinds := map[string]*tally{}
	for i, a := range g.send(t, all) {
		k := kinds[values[i].kind]
		if k == nil {
			k = new(tally)
			kinds[values[i].kind] = k
		}
		k.add([]answer{a})
	}
	fmt.Printf("\nHTTP parameters: refused with the Core Rule Set alone, paranoia level 1, by kind (norm is harmless)\n")
	w := table()
	fmt.Fprintln(w, "\tsent\trefused\tshare\t")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[kind]
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f%%\t\n", kind, k.sent, k.refused, k.percent())
	}
	w.Flush()
}

type param struct{ text, kind string }

func readParams(file string) ([]param, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.LazyQuotes = true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	var all []param
	for _, row := range rows[1:] {
		all = append(all, param{text: row[0], kind: row[2]})
	}
	return all, nil
}

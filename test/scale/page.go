package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var pageText string

// held is a fleet that was loaded, and what the model says of it.
type held struct {
	Check
	Said float64
	Use  Use
}

// rendered is the page of the results in the file. Every figure on it is one of theirs, or of the model's.
func rendered(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r Results
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	page, err := template.New("page").Option("missingkey=error").Funcs(template.FuncMap{
		"n": number, "percent": percent, "off": func(said, was float64) string { return percent(Off(said, was)) }, "micros": func(s float64) string { return number(s * 1e6) },
		"millis": func(s float64) string { return number(s * 1e3) },
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	var fleets []held
	for _, c := range r.Checks[1:] {
		requests, use := r.Said(c)
		fleets = append(fleets, held{c, requests, use})
	}
	err = page.Execute(&out, map[string]any{
		"R": r, "Parts": r.Typical(Mix), "One": r.ByOne(), "Fleets": fleets, "Mix": Mix, "Members": Members, "Kinds": slices.Sorted(maps.Keys(r.Kinds)), "Delivery": delivery,
		"Needs": []Need{r.Need(1), r.Need(10), r.Need(100), r.Need(1000)}, "Limits": r.Limits(), "Chat": r.Chat(),
		"NodeCores": nodeCores, "Load": load, "RedisLoad": redisLoad, "NodeSockets": nodeSockets, "PostgresCPUs": postgresCPUs, "PostgresFull": postgresFull,
		"LoginCommands": r.Kinds["login"].Commands, "PostStatements": r.Kinds["post a message"].Statements, "PostWritten": r.Kinds["post a message"].Written,
		"Feed1000": r.Need(1000).Feed, "EventsPerRequest": r.Chat().Events, "BanMiB": r.BanBytes * 1e6 / (1 << 20),
	})
	return out.Bytes(), err
}

// number writes as many digits as there is to know: two or three.
func number(x any) string {
	var v float64
	switch x := x.(type) {
	case int:
		if x < 1000 {
			return fmt.Sprint(x)
		}
		v = float64(x)
	case float64:
		v = x
	}
	abs := max(v, -v)
	switch {
	case abs >= 1000:
		return grouped(v)
	case abs >= 100:
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	case abs == 0:
		return "0"
	case abs >= .1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1g", v)
}

// grouped rounds to three digits and sets commas.
func grouped(v float64) string {
	unit := 1.
	for max(v, -v)/unit >= 1000 {
		unit *= 10
	}
	s := fmt.Sprintf("%.0f", float64(int(v/unit+.5))*unit)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func percent(x float64) string { return fmt.Sprintf("%+.0f %%", 100*x) }

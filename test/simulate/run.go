package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// run does what the arguments say.
func run(args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.SetOutput(stderr)
	o := options{start: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)} // a Monday
	f.IntVar(&o.days, "days", 7, "how many days")
	f.IntVar(&o.users, "users", 10_000, "how many people have an account")
	f.Uint64Var(&o.seed, "seed", 1, "what the chances are made from: the same seed, the same events")
	f.BoolVar(&o.geo, "geo", true, "the gateway has files of countries and networks")
	start := f.String("start", o.start.Format(time.RFC3339), "when it begins, as RFC 3339")
	chosen := f.String("campaigns", "all", "kinds of attacks, with commas; all; none")
	out := f.String("out", "-", "where the events go; - for the standard output")
	truthFile := f.String("truth", "", "where the truth goes")
	detector := f.String("detector", "", "a convosphere binary that the events are piped to, as detect replay; the score is printed")
	rules := f.String("rules", "", "the folder of rules for it; default: its own")
	findings := f.String("score", "", "a file of findings to score by -truth; nothing is simulated")
	jsonFile := f.String("json", "", "where the score goes as JSON, too")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *findings != "" {
		return scoreFiles(*findings, *truthFile, *jsonFile, stdout)
	}
	if o.days < 1 || o.users < 20 {
		return errors.New("there must be a day, and twenty people")
	}
	var err error
	if o.start, err = time.Parse(time.RFC3339, *start); err != nil {
		return fmt.Errorf("-start: %w", err)
	}
	o.start = o.start.UTC()
	if o.campaigns, err = chooseKinds(*chosen); err != nil {
		return err
	}
	if *detector != "" {
		r, err := detected(o, *detector, *rules, stderr)
		if err != nil {
			return err
		}
		return show(r, *jsonFile, stdout)
	}
	w, closeOut, err := create(*out, stdout)
	if err != nil {
		return err
	}
	t, closeTruth, err := create(*truthFile, io.Discard)
	if err != nil {
		return err
	}
	began := time.Now()
	world := newWorld(o, w, t)
	err = errors.Join(world.run(), closeOut(), closeTruth())
	fmt.Fprintf(stderr, "%d events of %d people in %d days, in %s\n", world.events, o.users, o.days, time.Since(began).Round(time.Millisecond))
	return err
}

// scoreFiles scores what was found before.
func scoreFiles(findings, truthFile, jsonFile string, stdout io.Writer) error {
	t, err := os.Open(truthFile)
	if err != nil {
		return err
	}
	defer t.Close()
	k, err := readTruth(t)
	if err != nil {
		return err
	}
	f, err := os.Open(findings)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := k.score(f)
	if err != nil {
		return err
	}
	return show(r, jsonFile, stdout)
}

func chooseKinds(chosen string) ([]string, error) {
	var all, list []string
	for _, k := range kinds() {
		all = append(all, k.name)
	}
	switch chosen {
	case "all":
		return all, nil
	case "none":
		return nil, nil
	}
	for _, name := range strings.Split(chosen, ",") {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no campaign %q: there are %s", name, strings.Join(all, ", "))
		}
		list = append(list, name)
	}
	return list, nil
}

// create opens a file to write; "" and - are standard.
func create(name string, standard io.Writer) (io.Writer, func() error, error) {
	if name == "" || name == "-" {
		return standard, func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

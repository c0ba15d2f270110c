package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("image", flag.ContinueOnError)
	what := f.String("what", "gateway", "`name` of the image: gateway or chat")
	binary := f.String("binary", "", "`file` of the static binary (required)")
	source := f.String("source", ".", "`folder` of the repository")
	version := f.String("version", "dev", "`version` that the image's labels and name say")
	arch := f.String("arch", "amd64", "`architecture` the binary was built for")
	out := f.String("out", "", "`file` to write the OCI layout to, a tar")
	tree := f.String("tree", "", "`folder` to write the bare tree to, instead")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || *binary == "" || (*out == "") == (*tree == "") {
		return errors.New("-binary and either -out or -tree are required, and nothing stands after the flags")
	}
	img, ok := images(*source, *binary)[*what]
	if !ok {
		return fmt.Errorf("there is no image %q: gateway and chat are", *what)
	}
	if *tree != "" {
		return writeTree(*tree, img.entries())
	}
	at, err := epoch()
	if err != nil {
		return err
	}
	return writeLayout(*out, img, build{version: *version, arch: *arch, at: at})
}

// epoch is the time that everything in the image bears: SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), else 1970.
func epoch() (time.Time, error) {
	s := os.Getenv("SOURCE_DATE_EPOCH")
	if s == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	sec, err := strconv.ParseInt(s, 10, 64)
	if err != nil || sec < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is seconds since 1970, not %q", s)
	}
	return time.Unix(sec, 0).UTC(), nil
}

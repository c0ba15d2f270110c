package account

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Leaked passwords, as mkbreached has written them: the first five bytes of the SHA-256 of each, sorted. One in five million
// passwords that never leaked is taken for one that did.
//
//go:embed breached.bin
var breachedFilter []byte

const (
	filterBytes = 5
	filterFrom  = 8 // characters: no policy allows what is shorter
)

const signs = "!?.*#$@_- "

// filtered is the spelling that the filter knows of a password, in any case.
func filtered(p string) []byte {
	sum := sha256.Sum256([]byte(strings.ToLower(norm.NFKC.String(p))))
	return sum[:filterBytes]
}

// MakeFilter writes the filter that breached reads. What is too short for any policy is left out.
func MakeFilter(passwords []string) []byte {
	set := map[[filterBytes]byte]struct{}{}
	for _, p := range passwords {
		if utf8.ValidString(p) && utf8.RuneCountInString(p) >= filterFrom {
			set[[filterBytes]byte(filtered(p))] = struct{}{}
		}
	}
	sorted := make([][filterBytes]byte, 0, len(set))
	for k := range set {
		sorted = append(sorted, k)
	}
	slices.SortFunc(sorted, func(a, b [filterBytes]byte) int { return bytes.Compare(a[:], b[:]) })
	out := make([]byte, 0, len(sorted)*filterBytes)
	for _, k := range sorted {
		out = append(out, k[:]...)
	}
	return out
}

func inFilter(filter []byte, p string) bool {
	want := filtered(p)
	low, high := 0, len(filter)/filterBytes
	for low < high {
		mid := (low + high) / 2
		switch c := bytes.Compare(filter[mid*filterBytes:(mid+1)*filterBytes], want); {
		case c == 0:
			return true
		case c < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	return false
}

// breached looks a password up in the embedded list, in any case, and also without the digits and signs that people put behind.
func breached(p string) bool {
	return inFilter(breachedFilter, p) || inFilter(breachedFilter, strings.TrimRight(p, signs)) || inFilter(breachedFilter, strings.TrimRight(p, signs+"0123456789"))
}

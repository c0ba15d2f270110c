package licence

import (
	"crypto/sha256"
	"encoding/hex"
)

// permissive are the licences that ask for their text to be passed on, and for little else. All others fail: copyleft of any kind, and what nobody has read yet.
var permissive = map[string]bool{
	"0BSD": true, "Apache-2.0": true, "BSD-2-Clause": true, "BSD-3-Clause": true, "BSL-1.0": true, "CC0-1.0": true, "ISC": true, "MIT": true, "Unlicense": true, "Zlib": true,
}

// excepted are the modules under other terms that somebody has read: by module and licence, what these ask for and how it is met.
var excepted = map[string]map[string]string{
	"github.com/alecthomas/chroma/v2": {
		"OFL-1.1": "a font that its SVG formatter embeds; may be part of programs, with its text",
	},
	"github.com/go-sql-driver/mysql": {
		"MPL-2.0": "copyleft by file; linked as it is (by Caddy's certificate authority), its source is at the module's address",
	},
	"modernc.org/sqlite": {
		"blessing": "the public domain, with a wish in place of terms",
	},
}

// read are the texts that no program knows but somebody has read, by module and file, with their digest: a text that has changed has to be read again.
var read = map[string]struct {
	sha256 string
	ids    []string
}{
	// MIT in comments, and siphash, given to the public domain.
	"github.com/AndreasBriese/bbloom/LICENSE": {"6dd1cec8fe966990fbcdd00ca64e05604c66bd1fa1573d862dceaf18cde869e4", []string{"CC0-1.0", "MIT"}},
	// Go, musl (a long list of who wrote what), go-netdb and nixpkgs.
	"modernc.org/libc/LICENSE-3RD-PARTY.md": {"f597097efe3d97021f89170746bd3a0fb9a8b6fb26b82043ed68a4e0283bee6c", []string{"BSD-3-Clause", "MIT"}},
	// MIT, with where it was translated from.
	"github.com/dgryski/go-metro/LICENSE": {"4c9aa4187a0088cc5fd5914f89276463d0e1dc1c01d49bdac6fd5bd3d38db476", []string{"MIT"}},
	// MIT for some files, Apache for the others.
	"go.yaml.in/yaml/v3/LICENSE": {"d18f6323b71b0b768bb5e9616e36da390fbd39369a81807cca352de4e4e6aa0b", []string{"Apache-2.0", "MIT"}},
	"gopkg.in/yaml.v3/LICENSE":   {"d18f6323b71b0b768bb5e9616e36da390fbd39369a81807cca352de4e4e6aa0b", []string{"Apache-2.0", "MIT"}},
	// SQLite itself: dedicated to the public domain.
	"modernc.org/sqlite/LICENSE-SQLITE": {"8438c9c89b849131ead81d5435cb97fcf052df5b0b286dda8a2d4c29e6cb3fd0", []string{"blessing"}},
	// Where a picture of its page is from; not linked.
	"modernc.org/memory/LICENSE-LOGO": {"5ae5bee3072a841376451b48d8cfcec7188e10543926d5870828d36c8a750dc5", nil},
	// Tables of what its whole module graph is under. What is linked of it is MIT, BSD and the public domain; the Apache and Mozilla licences in it are of tools that are not.
	"modernc.org/sqlite/LICENSE-3RD-PARTY.md": {"b4366b9c27a9364633e015011a231913ed19bf1228f335bf617e50a6f7b168a6", []string{"BSD-3-Clause", "MIT"}},
}

func allowed(module, id string) bool {
	return permissive[id] || excepted[module][id] != ""
}

// reviewed says whether somebody has read this text, and under which licences it is.
func reviewed(module, file, content string) ([]string, bool) {
	r, ok := read[module+"/"+file]
	sum := sha256.Sum256([]byte(content))
	return r.ids, ok && hex.EncodeToString(sum[:]) == r.sha256
}

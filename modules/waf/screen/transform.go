package screen

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// traits are what a value holds that some transformation acts on.
type traits uint32

const (
	hasUpper     traits = 1 << iota
	hasEncoded          // % or +
	hasAmpersand        // &
	hasBackslash        // \
	hasNull             // a zero byte
	hasSpace            // white space
	hasGap              // white space other than single spaces
	hasWide             // a byte above 127
	hasSlash            // /
	hasStar             // *
	hasQuote            // " ' ^
	hasSeparator        // , ;
	hasOpening          // (
	hasColon            // :
	hasMinus            // -
	hasHash             // #
	endsDotted          // its last byte is . or a space
)

var traitOf = func() (t [256]traits) {
	for b := range t {
		if b > 127 {
			t[b] |= hasWide
		}
		if b >= 'A' && b <= 'Z' {
			t[b] |= hasUpper
		}
	}
	for trait, bytes := range map[traits]string{
		hasEncoded: "%+", hasAmpersand: "&", hasBackslash: `\`, hasNull: "\x00", hasSpace: " ", hasSpace | hasGap: "\t\n\v\f\r", hasSlash: "/", hasStar: "*",
		hasQuote: `"'^`, hasSeparator: ",;", hasOpening: "(", hasColon: ":", hasMinus: "-", hasHash: "#",
	} {
		for i := range len(bytes) {
			t[bytes[i]] |= trait
		}
	}
	return t
}()

// present is the set of bytes that a value holds.
type present [4]uint64

func (p *present) add(b byte) { p[b>>6] |= 1 << (b & 63) }

func (p *present) meets(q *present) bool {
	return p[0]&q[0]|p[1]&q[1]|p[2]&q[2]|p[3]&q[3] != 0
}

// look takes both in one pass.
func look(s string) (t traits, p present) {
	last := byte(0)
	for i := range len(s) {
		b := s[i]
		t |= traitOf[b]
		p[b>>6] |= 1 << (b & 63)
		if b == ' ' && last == ' ' {
			t |= hasGap
		}
		last = b
	}
	if last == '.' || last == ' ' {
		t |= endsDotted
	}
	return t, p
}

// unchanged tells whether a transformation leaves a value with these traits as it is. It may say no of one that it does; the names are Coraza's, in lower case.
func unchanged(name string, t traits, s string) bool {
	switch name {
	case "lowercase":
		return t&(hasUpper|hasWide) == 0
	case "urldecodeuni", "urldecode":
		return t&hasEncoded == 0
	case "htmlentitydecode":
		return t&hasAmpersand == 0
	case "jsdecode", "cssdecode", "escapeseqdecode":
		return t&hasBackslash == 0
	case "removenulls":
		return t&hasNull == 0
	case "removewhitespace":
		return t&(hasSpace|hasWide) == 0
	case "compresswhitespace":
		return t&(hasGap|hasWide) == 0
	case "utf8tounicode":
		return t&hasWide == 0
	case "cmdline":
		return t&(hasUpper|hasQuote|hasBackslash|hasSeparator|hasGap) == 0 && (t&hasSpace == 0 || t&(hasSlash|hasOpening) == 0)
	case "normalizepath", "normalisepath":
		return t&hasSlash == 0 && s != "."
	case "normalizepathwin", "normalisepathwin":
		return t&(hasSlash|hasBackslash|hasColon|endsDotted) == 0
	case "replacecomments":
		return t&(hasSlash|hasStar) != hasSlash|hasStar
	case "removecommentschar":
		return t&(hasStar|hasMinus|hasHash) == 0
	}
	return false
}

// pipelines are bits, one for each distinct list of transformations.
type pipelines uint64

const mostPipelines = 64

// variant is what a value becomes by some pipelines.
type variant struct {
	text    string
	fold    string // a text that is the same in ASCII lower case, and the same in memory for all that are
	by      pipelines
	traits  traits
	present present
}

// transforms is the tree of all pipelines: those that begin alike share the beginning.
type transforms struct {
	root  *step
	count int
	known map[string]int // pipelines by their text
}

type step struct {
	name  string
	f     plugintypes.Transformation
	ends  pipelines // those that are done here, and those that try every value on the way
	below pipelines // those that come by here
	next  []*step
}

func newTransforms() *transforms { return &transforms{root: new(step), known: map[string]int{}} }

// add returns the number of a pipeline.
func (t *transforms) add(names []string, multi bool) (int, error) {
	id := fmt.Sprint(multi, names)
	if n, ok := t.known[id]; ok {
		return n, nil
	}
	if t.count == mostPipelines {
		return 0, fmt.Errorf("more than %d lists of transformations", mostPipelines)
	}
	bit, at := pipelines(1)<<t.count, t.root
	at.below |= bit
	for _, name := range names {
		if multi {
			at.ends |= bit
		}
		next, err := at.child(name)
		if err != nil {
			return 0, err
		}
		at = next
		at.below |= bit
	}
	at.ends |= bit
	t.known[id] = t.count
	t.count++
	return t.count - 1, nil
}

func (s *step) child(name string) (*step, error) {
	name = strings.ToLower(name)
	for _, n := range s.next {
		if n.name == name {
			return n, nil
		}
	}
	f, err := getTransformation(name)
	if err != nil {
		return nil, err
	}
	n := &step{name: name, f: f}
	s.next = append(s.next, n)
	return n, nil
}

// becoming collects what one value becomes.
type becoming struct {
	out  []variant
	done []done
}

// done is a transformation that was run on the way: pipelines of different beginnings often come to the same text.
type done struct{ name, in, out string }

// variants returns what the value becomes by the pipelines that are wanted, each text once. It is valid until the next call.
func (b *becoming) variants(t *transforms, value string, wanted pipelines) []variant {
	b.out, b.done = b.out[:0], b.done[:0]
	v := variant{text: value, fold: value}
	v.traits, v.present = look(value)
	b.run(t.root, v, wanted)
	return b.out
}

func (b *becoming) run(s *step, v variant, wanted pipelines) {
	if ends := s.ends & wanted; ends != 0 {
		b.note(v, ends)
	}
	for _, n := range s.next {
		if n.below&wanted == 0 {
			continue
		}
		if unchanged(n.name, v.traits, v.text) {
			b.run(n, v, wanted)
			continue
		}
		if text := b.apply(n, v); text != v.text {
			u := variant{text: text, fold: text}
			if n.name == "lowercase" && v.traits&hasWide == 0 {
				u.fold = v.fold
			}
			u.traits, u.present = look(text)
			b.run(n, u, wanted)
		} else {
			b.run(n, v, wanted)
		}
	}
}

// apply runs a transformation. Where it fails, Coraza goes on with the value as it was.
func (b *becoming) apply(s *step, v variant) string {
	for i := range b.done {
		if d := &b.done[i]; d.name == s.name && d.in == v.text {
			return d.out
		}
	}
	text := v.text
	if s.name == "removewhitespace" && v.traits&hasWide == 0 {
		text = withoutSpace(text)
	} else if out, _, err := s.f(text); err == nil {
		text = out
	}
	b.done = append(b.done, done{s.name, v.text, text})
	return text
}

// withoutSpace is removeWhitespace of ASCII text, which Coraza's does rune by rune.
func withoutSpace(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if traitOf[s[i]]&hasSpace == 0 {
			out = append(out, s[i])
		}
	}
	return unsafe.String(unsafe.SliceData(out), len(out))
}

func (b *becoming) note(v variant, by pipelines) {
	for i := range b.out {
		if b.out[i].text == v.text {
			b.out[i].by |= by
			return
		}
	}
	v.by = by
	b.out = append(b.out, v)
}

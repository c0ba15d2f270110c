package detect

// Bytes that a text is made of, as far as this package tells them apart.
const (
	digit byte = 1 << iota
	upper
	lower
	local // may stand in the part of a mail address before its @
	other // something can begin with it, though it is no letter or digit
)

const (
	letter = upper | lower
	word   = letter | digit
)

var class = func() (t [256]byte) {
	for c := '0'; c <= '9'; c++ {
		t[c] |= digit | local
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] |= upper | local
		t[c+'a'-'A'] |= lower | local
	}
	for _, c := range ".!#$%&'*+/=?^_`{|}~-" {
		t[c] |= local
	}
	for _, c := range "@+-" {
		t[c] |= other
	}
	return t
}()

// begins are the kinds that can begin with a letter or digit.
var begins = func() (t [256]Set) {
	for c, is := range class {
		if is&digit != 0 {
			t[c] |= numbers
		}
		if is&letter != 0 {
			t[c] |= 1 << IBAN
		}
		if is&upper != 0 {
			for _, id := range lettered {
				t[c] |= 1 << id.kind
			}
		}
		if len(first[c]) > 0 {
			t[c] |= 1 << APIKey
		}
	}
	t['e'] |= 1 << JWT
	return t
}()

func is(text []byte, i int, classes byte) bool {
	return i >= 0 && i < len(text) && class[text[i]]&classes != 0
}

// Find appends to found what is in text[from:], in order and apart from each other; what stands before is only what a word is the rest of.
func (s Set) Find(text []byte, from int, found []Match) []Match {
	last := from
	for i := from; i < len(text); {
		c := class[text[i]]
		if c&(word|other) == 0 {
			i++
			continue
		}
		m, ok := Match{}, false
		switch {
		case c&other != 0:
			m, ok = s.sign(text, i, last)
		case s&begins[text[i]] != 0 && !is(text, i-1, word):
			m, ok = s.word(text, i)
		}
		if ok {
			found = append(found, m)
			i, last = m.End, m.End
			continue
		}
		if c&word == 0 {
			i++
			continue
		}
		for i++; i < len(text) && class[text[i]]&word != 0; i++ {
		}
	}
	return found
}

// sign looks at what is known by a sign.
func (s Set) sign(text []byte, i, last int) (Match, bool) {
	switch text[i] {
	case '@':
		if s.Has(Mail) {
			return mail(text, i, last)
		}
	case '+':
		if s.Has(Phone) && !is(text, i-1, word) {
			return phone(text, i)
		}
	case '-':
		if s.Has(PrivateKey) {
			return privateKey(text, i)
		}
	}
	return Match{}, false
}

// word looks at what begins where a word does.
func (s Set) word(text []byte, i int) (Match, bool) {
	if class[text[i]]&digit != 0 {
		return s.number(text, i)
	}
	if s.Has(IBAN) && is(text, i+1, letter) && is(text, i+2, digit) && is(text, i+3, digit) {
		if m, ok := iban(text, i); ok {
			return m, true
		}
	}
	if s.Has(JWT) && text[i] == 'e' {
		if m, ok := jwt(text, i); ok {
			return m, true
		}
	}
	if s.Has(APIKey) {
		if m, ok := apiKey(text, i); ok {
			return m, true
		}
	}
	for _, id := range lettered {
		if s.Has(id.kind) {
			if n := id.length(text[i:]); n > 0 && !is(text, i+n, word) {
				return Match{Kind: id.kind, Start: i, End: i + n}, true
			}
		}
	}
	return Match{}, false
}

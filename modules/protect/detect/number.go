package detect

// numbers are the kinds that begin with a digit.
const numbers = 1<<Card | 1<<Phone | 1<<APIKey | 1<<idGermany | 1<<idSpain | 1<<idFrance | 1<<idDutch | 1<<idPoland | 1<<idAmerica

// digits of a number, as far as any has some.
const mostDigits = 19

// run is a number as it is written: groups of digits with one space or hyphen between.
type run struct {
	digits [mostDigits]byte
	ends   [mostDigits]int // in the text, behind each digit
	groups [mostDigits]int // digits up to the end of each group
	n      int
	count  int // of groups
}

// read takes the longest number that begins at i and has no more digits than fit.
func (r *run) read(text []byte, i int) {
	for i < len(text) && r.n < mostDigits {
		for ; i < len(text) && r.n < mostDigits && class[text[i]]&digit != 0; i++ {
			r.digits[r.n], r.ends[r.n] = text[i]-'0', i+1
			r.n++
		}
		if is(text, i, word) { // the word goes on: its last group is no group
			for r.n > 0 && (r.count == 0 || r.n > r.groups[r.count-1]) {
				r.n--
			}
			return
		}
		r.groups[r.count] = r.n
		r.count++
		if i >= len(text) || text[i] != ' ' && text[i] != '-' || !is(text, i+1, digit) {
			return
		}
		i++
	}
}

// number looks at what begins with a digit, the longest first.
func (s Set) number(text []byte, i int) (Match, bool) {
	if s.Has(APIKey) {
		if m, ok := botToken(text, i); ok {
			return m, true
		}
	}
	if s.Has(idSpain) {
		if n := dni(text[i:]); n > 0 && !is(text, i+n, word) {
			return Match{Kind: idSpain, Start: i, End: i + n}, true
		}
	}
	if s.Has(idFrance) { // the island's letter makes it no number
		if n := nir(text[i:]); n > 0 && !is(text, i+n, word) {
			return Match{Kind: idFrance, Start: i, End: i + n}, true
		}
	}
	if inside(text, i) {
		return Match{}, false
	}
	var r run
	r.read(text, i)
	for g := r.count - 1; g >= 0; g-- {
		n := r.groups[g]
		end := r.ends[n-1]
		if decimal(text, end) || g == r.count-1 && !closed(text, end) {
			continue
		}
		if k, ok := s.known(r.digits[:n], r.groups[:g+1], text[i:end]); ok {
			return Match{Kind: k, Start: i, End: end}, true
		}
	}
	if s.Has(Phone) && text[i] == '0' && i+1 < len(text) && text[i+1] == '0' {
		return phone(text, i)
	}
	return Match{}, false
}

// known tells what the digits are.
func (s Set) known(d []byte, groups []int, text []byte) (Kind, bool) {
	grouped := len(groups) > 1
	switch {
	case s.Has(Card) && len(d) >= 12 && (!grouped || groups[0] == 4 && len(groups) <= 5) && card(d):
		return Card, true
	case s.Has(idGermany) && len(d) == 11 && (!grouped || groups[0] == 2) && taxID(d):
		return idGermany, true
	case s.Has(idPoland) && len(d) == 11 && !grouped && pesel(d):
		return idPoland, true
	case s.Has(idAmerica) && len(d) == 9 && len(groups) == 3 && groups[0] == 3 && groups[1] == 5 && text[3] == text[6] && ssn(d):
		return idAmerica, true
	case s.Has(idDutch) && len(d) == 9 && !grouped && bsn(d):
		return idDutch, true
	}
	return 0, false
}

// inside tells that the digits at i are a part of something longer: a decimal fraction, a negative number, one group of a UUID.
func inside(text []byte, i int) bool {
	if i == 0 {
		return false
	}
	switch text[i-1] {
	case '.', ',':
		return is(text, i-2, digit)
	case '-':
		return is(text, i-2, word)
	case '_':
		return true
	}
	return false
}

// decimal tells that a fraction follows, or an exponent has.
func decimal(text []byte, end int) bool {
	return end < len(text) && text[end] == '.' && is(text, end+1, digit)
}

// closed tells that no further group follows.
func closed(text []byte, end int) bool {
	return end >= len(text) || text[end] != '-' && text[end] != '_' || !is(text, end+1, word)
}

// card tells whether digits are a payment card's: an issuer's first digits and length, and Luhn's check digit (ISO/IEC 7812).
func card(d []byte) bool { return issued(d) && luhn(d) }

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i])
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// issuers by their first four digits, with the numbers of digits that their cards have.
var issuers = []struct{ from, to, shortest, longest int }{
	{2200, 2204, 16, 19}, // Mir
	{2221, 2720, 16, 16}, // Mastercard
	{3000, 3059, 14, 19}, // Diners Club
	{3095, 3095, 14, 19}, //
	{3400, 3499, 15, 15}, // American Express
	{3528, 3589, 16, 19}, // JCB
	{3600, 3699, 14, 19}, // Diners Club
	{3700, 3799, 15, 15}, // American Express
	{3800, 3999, 14, 19}, // Diners Club
	{5018, 5018, 12, 19}, // Maestro
	{5020, 5020, 12, 19}, //
	{5038, 5038, 12, 19}, //
	{5060, 5061, 16, 19}, // Verve
	{5100, 5599, 16, 16}, // Mastercard
	{5893, 5893, 12, 19}, // Maestro
	{6011, 6011, 16, 19}, // Discover
	{6200, 6299, 16, 19}, // UnionPay
	{6304, 6304, 12, 19}, // Maestro
	{6440, 6599, 16, 19}, // Discover, RuPay
	{6759, 6763, 12, 19}, // Maestro
	{8100, 8299, 16, 19}, // UnionPay, RuPay
	{9792, 9792, 16, 16}, // Troy
}

func issued(d []byte) bool {
	first := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	if d[0] == 4 { // Visa
		return len(d) == 13 || len(d) == 16 || len(d) == 19
	}
	for _, i := range issuers {
		if first >= i.from && first <= i.to {
			return len(d) >= i.shortest && len(d) <= i.longest
		}
	}
	return false
}

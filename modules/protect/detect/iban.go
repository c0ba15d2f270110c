package detect

// ibanLength is how many characters an IBAN of a country has (ISO 13616, SWIFT's registry, release 100).
var ibanLength = map[[2]byte]int{
	{'A', 'D'}: 24, {'A', 'E'}: 23, {'A', 'L'}: 28, {'A', 'T'}: 20, {'A', 'Z'}: 28, {'B', 'A'}: 20, {'B', 'E'}: 16, {'B', 'G'}: 22, {'B', 'H'}: 22,
	{'B', 'I'}: 27, {'B', 'R'}: 29, {'B', 'Y'}: 28, {'C', 'H'}: 21, {'C', 'R'}: 22, {'C', 'Y'}: 28, {'C', 'Z'}: 24, {'D', 'E'}: 22, {'D', 'J'}: 27,
	{'D', 'K'}: 18, {'D', 'O'}: 28, {'E', 'E'}: 20, {'E', 'G'}: 29, {'E', 'S'}: 24, {'F', 'I'}: 18, {'F', 'K'}: 18, {'F', 'O'}: 18, {'F', 'R'}: 27,
	{'G', 'B'}: 22, {'G', 'E'}: 22, {'G', 'I'}: 23, {'G', 'L'}: 18, {'G', 'R'}: 27, {'G', 'T'}: 28, {'H', 'R'}: 21, {'H', 'U'}: 28, {'I', 'E'}: 22,
	{'I', 'L'}: 23, {'I', 'Q'}: 23, {'I', 'S'}: 26, {'I', 'T'}: 27, {'J', 'O'}: 30, {'K', 'W'}: 30, {'K', 'Z'}: 20, {'L', 'B'}: 28, {'L', 'C'}: 32,
	{'L', 'I'}: 21, {'L', 'T'}: 20, {'L', 'U'}: 20, {'L', 'V'}: 21, {'L', 'Y'}: 25, {'M', 'C'}: 27, {'M', 'D'}: 24, {'M', 'E'}: 22, {'M', 'K'}: 19,
	{'M', 'N'}: 20, {'M', 'R'}: 27, {'M', 'T'}: 31, {'M', 'U'}: 30, {'N', 'I'}: 28, {'N', 'L'}: 18, {'N', 'O'}: 15, {'O', 'M'}: 23, {'P', 'K'}: 24,
	{'P', 'L'}: 28, {'P', 'S'}: 29, {'P', 'T'}: 25, {'Q', 'A'}: 29, {'R', 'O'}: 24, {'R', 'S'}: 22, {'R', 'U'}: 33, {'S', 'A'}: 24, {'S', 'C'}: 31,
	{'S', 'D'}: 18, {'S', 'E'}: 24, {'S', 'I'}: 19, {'S', 'K'}: 24, {'S', 'M'}: 27, {'S', 'O'}: 23, {'S', 'T'}: 25, {'S', 'V'}: 28, {'T', 'L'}: 23,
	{'T', 'N'}: 24, {'T', 'R'}: 26, {'U', 'A'}: 29, {'V', 'A'}: 22, {'V', 'G'}: 24, {'X', 'K'}: 20, {'Y', 'E'}: 30,
}

// iban reads one with single spaces or hyphens between its groups, in either case, and checks it (ISO 7064 mod 97,10).
func iban(text []byte, i int) (Match, bool) {
	want := ibanLength[[2]byte{text[i] &^ 0x20, text[i+1] &^ 0x20}]
	if want == 0 {
		return Match{}, false
	}
	var c [34]byte
	n, at := 0, i
	for ; at < len(text) && n < want; at++ {
		switch {
		case class[text[at]]&word != 0:
			c[n] = text[at]
			n++
		case (text[at] == ' ' || text[at] == '-') && is(text, at-1, word):
		default:
			return Match{}, false
		}
	}
	if n < want || is(text, at, word) || mod97(c[:want]) != 1 {
		return Match{}, false
	}
	return Match{Kind: IBAN, Start: i, End: at}, true
}

// mod97 is the rest of the number that an IBAN stands for: its first four characters go behind the others, letters count from ten.
func mod97(c []byte) (rest int) {
	for i := range c {
		switch b := c[(i+4)%len(c)]; {
		case b <= '9':
			rest = (rest*10 + int(b-'0')) % 97
		default:
			rest = (rest*100 + int(b&^0x20-'A') + 10) % 97
		}
	}
	return rest
}

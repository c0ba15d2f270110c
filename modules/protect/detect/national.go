package detect

// lettered are the identity numbers that begin with a letter. length is that of one at the begin of a text, 0 for none.
var lettered = []struct {
	kind   Kind
	length func([]byte) int
}{{idSpain, nie}, {idItaly, codiceFiscale}, {idBritish, nino}}

// taxID is Germany's (§ 139b AO): eleven digits, the last of them after ISO 7064 mod 11,10; of the first ten one is there twice or three times, the others once at most.
func taxID(d []byte) bool {
	if d[0] == 0 {
		return false
	}
	var times [10]int
	product := 10
	for _, v := range d[:10] {
		times[v]++
		sum := (int(v) + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	several := 0
	for _, n := range times {
		if n > 3 {
			return false
		}
		if n > 1 {
			several++
		}
	}
	return several == 1 && int(d[10]) == (11-product)%10
}

// pesel is Poland's: a date of birth, a serial number, a weighed check digit.
func pesel(d []byte) bool {
	month, day := int(d[2]*10+d[3])%20, d[4]*10+d[5]
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	return weigh(d[:10], 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10 == (10-int(d[10]))%10
}

// bsn is the Netherlands' (the test by eleven). One in eleven numbers of nine digits passes.
func bsn(d []byte) bool {
	sum := weigh(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)
	return sum != 0 && sum%11 == 0
}

func weigh(d []byte, weights ...int) (sum int) {
	for i, w := range weights {
		sum += int(d[i]) * w
	}
	return sum
}

// ssn is that of the United States, which has no check digit: only one that is written as 078-05-1120 is taken for it.
func ssn(d []byte) bool {
	area, group, serial := weigh(d, 100, 10, 1), weigh(d[3:], 10, 1), weigh(d[5:], 1, 1, 1, 1)
	return area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

const dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

// dni is Spain's: eight digits and a letter, also with a hyphen before it.
func dni(text []byte) int { return dniFrom(text, 0, 0) }

// nie is that of foreigners in Spain: X, Y or Z stands for a first digit.
func nie(text []byte) int {
	if c := text[0]; c >= 'X' && c <= 'Z' {
		return dniFrom(text, 1, int(c-'X'))
	}
	return 0
}

func dniFrom(text []byte, i, n int) int {
	for ; i < 8; i++ {
		if !is(text, i, digit) {
			return 0
		}
		n = n*10 + int(text[i]-'0')
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == dniLetters[n%23] {
		return i + 1
	}
	return 0
}

// nir is France's (INSEE): sex, year, month, department, municipality, order, thirteen places in all, and two digits that are 97 less their rest; also
// with spaces between. Corsica's departments 2A and 2B count as 19 and 18.
func nir(text []byte) int {
	const places = 15
	var d [places]int64
	n, i := 0, 0
	for ; i < len(text) && n < places; i++ {
		c := text[i]
		switch {
		case class[c]&digit != 0:
			d[n] = int64(c - '0')
		case c == ' ' && n > 0 && text[i-1] != ' ':
			continue
		case n == 6 && d[5] == 2 && (c == 'A' || c == 'B'):
			d[5], d[6] = 1, int64(9-(c-'A'))
		default:
			return 0
		}
		n++
	}
	if n < places || d[0] != 1 && d[0] != 2 || d[3] > 4 {
		return 0
	}
	number := int64(0)
	for _, v := range d[:13] {
		number = number*10 + v
	}
	if d[13]*10+d[14] != 97-number%97 {
		return 0
	}
	return i
}

// Values of the letters and digits of a codice fiscale at its odd places, the first being one.
var fiscalOdd = [36]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// codiceFiscale is Italy's: letters of the names, a date of birth, a municipality, a check letter.
func codiceFiscale(text []byte) int {
	const shape = "AAAAAA00A00A000A"
	if len(text) < len(shape) {
		return 0
	}
	sum := 0
	for i := range shape {
		want := upper
		if shape[i] == '0' {
			want = digit
		}
		c := text[i]
		if class[c]&want == 0 {
			return 0
		}
		if i == len(shape)-1 {
			break
		}
		v := int(c - '0')
		if want == upper {
			v = int(c-'A') + 10
		}
		switch {
		case i%2 == 0:
			sum += fiscalOdd[v]
		case v >= 10:
			sum += v - 10
		default:
			sum += v
		}
	}
	if text[len(shape)-1] != byte('A'+sum%26) {
		return 0
	}
	return len(shape)
}

// nino is the United Kingdom's, which has no check digit: QQ 12 34 56 C, with or without the spaces.
func nino(text []byte) int {
	if len(text) < 9 || !prefix(text[0], text[1]) {
		return 0
	}
	i, digits := 2, 0
	for ; i < len(text) && digits < 6; i++ {
		switch {
		case class[text[i]]&digit != 0:
			digits++
		case text[i] == ' ' && digits%2 == 0 && text[i-1] != ' ':
		default:
			return 0
		}
	}
	if i < len(text) && text[i] == ' ' {
		i++
	}
	if digits == 6 && i < len(text) && text[i] >= 'A' && text[i] <= 'D' {
		return i + 1
	}
	return 0
}

// prefix tells whether two letters are given out.
func prefix(a, b byte) bool {
	if class[a]&upper == 0 || class[b]&upper == 0 {
		return false
	}
	for _, never := range []string{"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"} {
		if a == never[0] && b == never[1] {
			return false
		}
	}
	for _, c := range []byte("DFIQUV") {
		if a == c || b == c {
			return false
		}
	}
	return b != 'O'
}

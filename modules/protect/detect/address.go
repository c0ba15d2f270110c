package detect

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

const (
	mostLocal  = 64 // RFC 5321, section 4.5.3.1
	mostDomain = 253
	mostLabel  = 63
)

// mail is an address around the @ at i. What stands before last belongs to something else.
func mail(text []byte, i, last int) (Match, bool) {
	start := i
	for start > last && i-start < mostLocal && (class[text[start-1]]&local != 0 || text[start-1] >= utf8.RuneSelf) {
		start--
	}
	for start < i && (text[start] == '.' || class[text[start]]&(word|local) == local && text[start] != '_') {
		start++ // what may not begin it, or more likely stands before it: quotes, an equals sign
	}
	for start < i && text[start] >= utf8.RuneSelf && !utf8.RuneStart(text[start]) {
		start++
	}
	if start == i || text[i-1] == '.' {
		return Match{}, false
	}
	end := domain(text, i+1)
	if end < 0 {
		return Match{}, false
	}
	return Match{Kind: Mail, Start: start, End: end}, true
}

// files are endings of file names: photo@2x.png is no address.
var files = []string{"png", "jpg", "jpeg", "gif", "webp", "svg", "avif", "css", "js", "map", "html", "json"}

// domain is the end of a name of at least two labels, the last of letters; -1 where there is none.
func domain(text []byte, i int) int {
	end, label := -1, i
	for at := i; at-i <= mostDomain; at++ {
		if at < len(text) && (class[text[at]]&word != 0 || text[at] == '-' || text[at] >= utf8.RuneSelf) {
			continue
		}
		if at == label || at-label > mostLabel {
			break
		}
		if label > i && topLevel(text[label:at]) {
			end = at
		}
		if at >= len(text) || text[at] != '.' {
			break
		}
		label = at + 1
	}
	return end
}

func topLevel(label []byte) bool {
	if len(label) < 2 || slices.Contains(files, string(bytes.ToLower(label))) {
		return false
	}
	for _, c := range label {
		if class[c]&letter == 0 && c < utf8.RuneSelf {
			return bytes.HasPrefix(label, []byte("xn--"))
		}
	}
	return true
}

// International numbers have so many digits, the country's included (ITU-T E.164).
const (
	fewestDigits = 8
	mostE164     = 15
)

// phone is an international number that begins with + or 00 at i, and is one that its country gives out.
func phone(text []byte, i int) (Match, bool) {
	var number [mostE164 + 1]byte
	number[0] = '+'
	at, n, end := i+1, 0, i
	if text[i] == '0' {
		at++
	}
	var ends [mostE164]int
	for ; at < len(text); at++ {
		c := text[at]
		if class[c]&digit != 0 {
			if n == mostE164 {
				return Match{}, false
			}
			n++
			number[n], ends[n-1], end = c, at+1, at+1
			continue
		}
		if !bytes.ContainsRune([]byte(" -./()"), rune(c)) || at-end > 2 {
			break
		}
	}
	if n < fewestDigits || is(text, end, word) {
		return Match{}, false
	}
	if !givenOut(number[1 : n+1]) {
		return Match{}, false
	}
	return Match{Kind: Phone, Start: i, End: end}, true
}

// givenOut tells whether a country gives out the number, the country's digits first. phonenumbers.Parse takes much longer for the same: it reads what
// people write, which is done here.
func givenOut(digits []byte) bool {
	country := 0
	for n := range 3 {
		country = country*10 + int(digits[n]-'0')
		if phonenumbers.GetRegionCodeForCountryCode(country) == phonenumbers.UNKNOWN_REGION {
			continue
		}
		rest := digits[n+1:]
		if national(country, rest) {
			return true
		}
		return rest[0] == '0' && national(country, rest[1:]) // as in +44 (0)20
	}
	return false
}

// national tells whether a number is one of a country, where it may begin with zeros.
func national(country int, digits []byte) bool {
	var number, zeros int
	for _, d := range digits {
		number = number*10 + int(d-'0')
		if number == 0 {
			zeros++
		}
	}
	p := &phonenumbers.PhoneNumber{CountryCode: new(int32(country)), NationalNumber: new(uint64(number))}
	if zeros > 0 {
		p.ItalianLeadingZero, p.NumberOfLeadingZeros = new(true), new(int32(zeros))
	}
	return phonenumbers.IsPossibleNumber(p) && phonenumbers.IsValidNumber(p)
}

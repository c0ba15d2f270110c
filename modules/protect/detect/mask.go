package detect

import "bytes"

// removed stands for a private key.
const removed = "[private key removed]"

// Mask appends what may be seen of a match in text: it can be told apart from others, and not be used.
func (m Match) Mask(dst, text []byte) []byte {
	value := text[m.Start:m.End]
	switch m.Kind {
	case Card:
		return stars(dst, value, 0, 4)
	case IBAN:
		return stars(dst, value, 2, 4)
	case Phone, idGermany, idSpain, idFrance, idItaly, idDutch, idPoland, idBritish, idAmerica:
		return stars(dst, value, 0, 2)
	case Mail:
		at := bytes.IndexByte(value, '@')
		first := 1
		for first < at && value[first]&0xc0 == 0x80 { // a whole rune
			first++
		}
		dst = append(dst, value[:first]...)
		dst = append(dst, "***"...)
		return append(dst, value[at:]...)
	case PrivateKey:
		return append(dst, removed...)
	}
	return append(append(dst, value[:min(4, len(value))]...), "********"...)
}

// stars appends value with a star for every letter and digit but so many at both ends.
func stars(dst, value []byte, head, tail int) []byte {
	n := 0
	for _, c := range value {
		if class[c]&word != 0 {
			n++
		}
	}
	for _, c := range value {
		if class[c]&word != 0 {
			n--
			if head > 0 {
				head--
			} else if n >= tail {
				c = '*'
			}
		}
		dst = append(dst, c)
	}
	return dst
}

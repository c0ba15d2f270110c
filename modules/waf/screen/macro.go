package screen

import (
	"slices"
	"strings"
)

// macro is text with variables in it, as %{tx.allowed_methods}. Only those of TX are known here.
type macro []token

type token struct {
	text string // as it stands, or, of a variable, its full name
	key  string // of the TX variable, in lower case; "" for text
}

// newMacro takes the text apart; ok is false where it names another variable than one of TX.
func newMacro(s string) (m macro, ok bool) {
	for s != "" {
		from := strings.Index(s, "%{")
		if from < 0 {
			return append(m, token{text: s}), true
		}
		if from > 0 {
			m = append(m, token{text: s[:from]})
		}
		name, rest, closed := strings.Cut(s[from+2:], "}")
		collection, key, _ := strings.Cut(name, ".")
		if !closed || !strings.EqualFold(collection, "tx") || key == "" || slices.Contains(bodies, strings.ToLower(key)) {
			return nil, false
		}
		m, s = append(m, token{text: name, key: strings.ToLower(key)}), rest
	}
	return m, true
}

// expand fills the variables in. A name that is not set stands for itself, as in Coraza.
func (m macro) expand(x *exchange) string {
	if len(m) == 1 {
		return m[0].expand(x)
	}
	var b strings.Builder
	for _, t := range m {
		b.WriteString(t.expand(x))
	}
	return b.String()
}

func (t token) expand(x *exchange) string {
	if t.key != "" {
		if v, ok := x.get(t.key); ok {
			return v
		}
	}
	return t.text
}

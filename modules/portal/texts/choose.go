package texts

import "golang.org/x/text/language"

// maxAccept is how much of an Accept-Language is read: reading one takes longer than its length.
const maxAccept = 200

// Choose returns the language to speak: the remembered one where there is such a language, or what suits the browser best.
func (c *Catalog) Choose(remembered, acceptLanguage string) string {
	if c.Has(remembered) {
		return remembered
	}
	if len(acceptLanguage) > maxAccept {
		return c.names[0]
	}
	want, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(want) == 0 {
		return c.names[0]
	}
	_, i, confidence := c.matcher.Match(want...)
	if confidence == language.No {
		return c.names[0]
	}
	return c.names[i]
}

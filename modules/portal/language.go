package portal

import (
	"net/http"
)

// languageCookie remembers the language that somebody chose. It is no secret, and one that a neighbouring host plants chooses among the languages that there are.
const languageCookie = "__Secure-gw_language"

// language is the one to answer in.
func (h *Handler) language(r *http.Request) string {
	remembered := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		remembered = c.Value
	}
	return h.look.catalog.Choose(remembered, r.Header.Get("Accept-Language"))
}

// chooseLanguage remembers it for a year.
func (h *Handler) chooseLanguage(c *call) error {
	in, err := c.fields("language")
	if err != nil {
		return err
	}
	if !h.look.catalog.Has(in["language"]) {
		return &badBody{http.StatusUnprocessableEntity, "The pages do not speak this language"}
	}
	http.SetCookie(c.w, &http.Cookie{
		Name: languageCookie, Value: in["language"], Path: "/auth", MaxAge: 365 * 24 * 3600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

package problem

import (
	"net/http"

	"golang.org/x/text/language"
)

// words are what the page says in one language. Titles by status stand in place of a problem's own, which is English; none: it is English.
type words struct {
	Lang, Status, Reference, Back string
	Titles                        map[int]string
}

var english = words{Lang: "en", Status: "The request was answered with status", Reference: "Reference", Back: "Back to the start"}

var german = words{
	Lang: "de", Status: "Die Anfrage wurde beantwortet mit Status", Reference: "Aktenzeichen", Back: "Zurück zum Anfang",
	Titles: map[int]string{
		400: "Diese Anfrage ist nicht verständlich", 401: "Dafür musst du angemeldet sein", 403: "Das ist nicht erlaubt", 404: "Diese Seite gibt es nicht",
		405: "So geht das hier nicht", 408: "Das hat zu lange gedauert", 409: "Das passt nicht zum jetzigen Stand", 410: "Das gibt es nicht mehr", 413: "Das ist zu groß",
		415: "Dieses Format geht hier nicht", 421: "Diese Anfrage ist hier falsch", 422: "Diese Angaben gehen nicht", 429: "Das waren zu viele Anfragen", 431: "Die Kopfzeilen sind zu groß",
		500: "Das hat nicht geklappt", 502: "Die Anwendung antwortet nicht richtig", 503: "Das geht gerade nicht", 504: "Die Anwendung antwortet nicht",
	},
}

var (
	spoken  = []words{english, german}
	matcher = language.NewMatcher([]language.Tag{language.English, language.German})
)

// maxAccept is how much of an Accept-Language is read: reading one takes longer than its length.
const maxAccept = 200

// wordsFor chooses the language that the browser asks for.
func wordsFor(r *http.Request) words {
	accept := r.Header.Get("Accept-Language")
	if accept == "" || len(accept) > maxAccept {
		return english
	}
	want, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(want) == 0 {
		return english
	}
	_, i, confidence := matcher.Match(want...)
	if confidence == language.No {
		return english
	}
	return spoken[i]
}

// Language is the one that pages which stand where a browser expects another one are written in: "en" or "de".
func Language(r *http.Request) string { return wordsFor(r).Lang }

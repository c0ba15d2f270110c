package problem

import (
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/text/language"
)

// words are what the page says in one language. Titles by status stand in place of a problem's own, which is English; none: it is English.
type words struct {
	Lang, Status, Reference, Back string
	After, Again                  string       // After has the place %s for a time
	Units                         [4][2]string // what After's time is told in, one and several: seconds, minutes, hours, days
	Titles                        map[int]string
}

var english = words{
	Lang: "en", Status: "The request was answered with status", Reference: "Reference", Back: "Back to the start",
	After: "You can try again in %s.", Again: "Try again", Units: [4][2]string{{"second", "seconds"}, {"minute", "minutes"}, {"hour", "hours"}, {"day", "days"}},
	Titles: map[int]string{429: "Too many requests"},
}

var german = words{
	Lang: "de", Status: "Die Anfrage wurde beantwortet mit Status", Reference: "Aktenzeichen", Back: "Zurück zum Anfang",
	After: "In %s kannst du es noch einmal versuchen.", Again: "Noch einmal versuchen",
	Units: [4][2]string{{"Sekunde", "Sekunden"}, {"Minute", "Minuten"}, {"Stunde", "Stunden"}, {"Tag", "Tagen"}}, // after "in"
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

// after tells when to try again, in a unit in which the number stays small. It is rounded up, so that nobody comes too early.
func (w words) after(seconds int64) string {
	unit, n := 0, seconds
	for i, size := range []int64{60, 60, 24} {
		if n < 2*size {
			break
		}
		unit, n = i+1, (n+size-1)/size
	}
	word := w.Units[unit][1]
	if n == 1 {
		word = w.Units[unit][0]
	}
	return fmt.Sprintf(w.After, strconv.FormatInt(n, 10)+" "+word)
}

package problem

import (
	"fmt"
	"net/http"
	"time"
)

// maxAge is the name of RFC 9470 for how long ago a factor may have been given, in seconds.
const maxAge = "max_age"

// StepUp asks who is signed in for a factor that they have not given, or not lately (RFC 9470): acr is the level that is wanted, within how long ago its
// factor may have been given at most; 0 leaves that open. A browser's page load goes to the login page, as in Write, which is told the time.
func StepUp(w http.ResponseWriter, r *http.Request, title, acr string, within time.Duration) {
	challenge := fmt.Sprintf(`Bearer error="insufficient_user_authentication", error_description=%q, acr_values=%q`, title, acr)
	extra := map[string]any{"acr_values": acr}
	if age := int(within.Seconds()); age > 0 {
		challenge += fmt.Sprintf(`, max_age="%d"`, age)
		extra[maxAge] = age
	}
	w.Header().Set("WWW-Authenticate", challenge)
	Write(w, r, Problem{Status: http.StatusUnauthorized, Type: "step-up-required", Title: title, Extra: extra})
}

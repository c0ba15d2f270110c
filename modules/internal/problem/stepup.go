package problem

import (
	"fmt"
	"net/http"
	"time"
)

// StepUp asks who is signed in for a factor that they have not given, or not lately (RFC 9470): acr is the level that is wanted, maxAge how long ago its
// factor may have been given at most; 0 leaves that open. A browser's page load goes to the login page, as in Write.
func StepUp(w http.ResponseWriter, r *http.Request, title, acr string, maxAge time.Duration) {
	challenge := fmt.Sprintf(`Bearer error="insufficient_user_authentication", error_description=%q, acr_values=%q`, title, acr)
	extra := map[string]any{"acr_values": acr}
	if age := int(maxAge.Seconds()); age > 0 {
		challenge += fmt.Sprintf(`, max_age="%d"`, age)
		extra["max_age"] = age
	}
	w.Header().Set("WWW-Authenticate", challenge)
	Write(w, r, Problem{Status: http.StatusUnauthorized, Type: "step-up-required", Title: title, Extra: extra})
}

package wsframe

import "net/http"

type writer struct {
	http.ResponseWriter
	tap *Tap
}

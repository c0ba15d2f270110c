package http

import (
	"fmt"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json"
)

const maxBody = 64 << 10 // a message of 4000 characters, each escaped twice over

// readJSON reads the body into v. It is strict, so that the gateway and we can't read one body in two ways: UTF-8 only, names
// as they are spelled and once each, no unknown ones, nothing after the value.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return &problem{http.StatusUnsupportedMediaType, "unsupported-media-type", "The body must be application/json"}
	}
	if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxBody), v, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	return nil
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
	return nil
}

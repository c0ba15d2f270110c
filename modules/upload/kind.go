package upload

import (
	"mime"
	"net/http"
	"strings"

	multipart "github.com/convosphere/gateway/modules/internal/form"
)

// kind is how a body is looked at.
type kind int

const (
	message kind = iota // not at all: it is JSON, a form of texts, XML, text: others' to look at
	raw                 // as one file
	form                // as files and fields
	none                // there is no body
)

// messages are the types of bodies that are no files. What ends in +json or +xml is one too.
var messages = map[string]bool{
	"application/json": true, "application/x-www-form-urlencoded": true, "application/xml": true, "application/x-ndjson": true, "application/jsonl": true,
	"application/json-seq": true, "application/graphql": true, "application/grpc": true, "application/grpc-web": true, "application/grpc-web-text": true,
	"application/connect+proto": true, "application/proto": true, "application/x-protobuf": true, "application/protobuf": true, "application/vnd.google.protobuf": true,
	"application/cbor": true, "application/msgpack": true, "application/x-msgpack": true, "application/vnd.msgpack": true, "application/ocsp-request": true,
	"application/jose": true, "application/jwt": true, "application/sdp": true, "application/dns-message": true, "application/sparql-query": true,
}

// kindOf tells how the body of a request is to be looked at, and what is wrong with how it is declared, "" nothing.
func kindOf(r *http.Request, everything bool) (k kind, wrong string) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return none, ""
	}
	declared := r.Header["Content-Type"]
	if len(declared) == 1 && !everything && isMessage(declared[0]) {
		return message, ""
	}
	encoding := strings.Join(r.Header["Content-Encoding"], ",")
	switch {
	case len(declared) > 1:
		return raw, badType // two servers may each believe another one
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return raw, encoded
	case r.Header.Get("Content-Range") != "":
		return raw, partial
	case len(declared) == 0:
		return raw, ""
	}
	return kindOfType(declared)
}

// isMessage tells whether a declared type is one of messages, with or without parameters.
func isMessage(declared string) bool {
	t, _, _ := strings.Cut(declared, ";")
	t = strings.ToLower(strings.Trim(t, " \t"))
	switch {
	case messages[t]:
		return true
	case strings.ContainsAny(t, ", \t"), t == "image/svg+xml": // several types, and a file that ends like a message
		return false
	}
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml") ||
		strings.HasPrefix(t, "application/grpc+") || strings.HasPrefix(t, "application/grpc-web+") || strings.HasPrefix(t, "application/connect+")
}

// kindOfType tells files from forms of files.
func kindOfType(declared []string) (k kind, wrong string) {
	if multipart.Is(declared[0]) {
		t, _, _ := strings.Cut(declared[0], ";")
		if !strings.EqualFold(strings.TrimSpace(t), "multipart/form-data") {
			return raw, notForm
		}
		if _, err := multipart.BoundaryOf(declared); err != nil {
			return form, badForm
		}
		return form, ""
	}
	t, _, err := mime.ParseMediaType(declared[0])
	switch {
	case err != nil:
		return raw, badType
	case pieces[t]:
		return raw, partial
	}
	return raw, ""
}

// pieces are the types of parts of files: of tus, and of the draft of resumable uploads.
var pieces = map[string]bool{"application/offset+octet-stream": true, "application/partial-upload": true}

// said is the type that the file of a raw body is declared as.
func said(r *http.Request) string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what can't be read says nothing
	if pieces[t] {
		return "" // it says nothing of the whole
	}
	return t
}

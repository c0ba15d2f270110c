package portal

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// keyMember is the one member of a body that is no text: what a browser makes of a security key's answer (PublicKeyCredential.toJSON).
const keyMember = "credential"

const maxDepth = 6 // of objects and lists in it: WebAuthn's own have four

// keyAnswer reads the value of keyMember: an object, none of whose members is there twice, in whatever case, since who reads it next takes
// them in any case.
func keyAnswer(dec *json.Decoder) (string, error) {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return "", &badBody{http.StatusBadRequest, "The body is not valid JSON"}
	}
	inner := json.NewDecoder(bytes.NewReader(raw))
	if t, err := inner.Token(); err != nil || t != json.Delim('{') {
		return "", &badBody{http.StatusUnprocessableEntity, keyMember + " must be an object"}
	}
	if !plainObject(inner, 1) {
		return "", &badBody{http.StatusUnprocessableEntity, keyMember + " is not what a browser makes"}
	}
	if _, err := inner.Token(); err != io.EOF {
		return "", &badBody{http.StatusBadRequest, "The body is not valid JSON"}
	}
	return string(raw), nil
}

// plainObject reads the rest of an object whose brace was read.
func plainObject(dec *json.Decoder, depth int) bool {
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok || odd(name) || seen[strings.ToLower(name)] {
			return false
		}
		seen[strings.ToLower(name)] = true
		if !plainValue(dec, depth) {
			return false
		}
	}
	t, err := dec.Token()
	return err == nil && t == json.Delim('}')
}

func plainValue(dec *json.Decoder, depth int) bool {
	t, err := dec.Token()
	if err != nil {
		return false
	}
	switch t := t.(type) {
	case string:
		return !odd(t)
	case json.Delim:
		if depth == maxDepth {
			return false
		}
		if t == '{' {
			return plainObject(dec, depth+1)
		}
		for dec.More() {
			if !plainValue(dec, depth+1) {
				return false
			}
		}
		end, err := dec.Token()
		return err == nil && end == json.Delim(']')
	}
	return true
}

// odd tells a text that others may read otherwise. U+FFFD stands where an escape was half a character.
func odd(s string) bool { return strings.ContainsAny(s, "\uFFFD\x00") }

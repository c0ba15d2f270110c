package portal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBody is far more than any of the API's bodies needs.
const maxBody = 16 << 10

// badBody is a body that is refused; title is public.
type badBody struct {
	status int
	title  string
}

func (b *badBody) Error() string { return b.title }

// fields reads the body: a flat JSON object of strings with no other members than those allowed, each once and spelled exactly so; where keyMember is
// allowed, it is an object, returned as it came. Anything that two parsers could read in different ways is refused, since the WAF has read it too.
func (c *call) fields(allowed ...string) (map[string]string, error) {
	raw, err := c.body()
	if err != nil || raw == nil {
		return map[string]string{}, err // whoever needs a field finds it missing
	}
	return parseFields(raw, allowed)
}

// body reads the body; nil where there is none.
func (c *call) body() ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	var large *http.MaxBytesError
	switch {
	case len(raw) > maxBody, errors.As(err, &large):
		return nil, &badBody{http.StatusRequestEntityTooLarge, ""}
	case err != nil:
		return nil, &badBody{http.StatusBadRequest, "The body can't be read"}
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, nil
	}
	if t, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || t != "application/json" ||
		!strings.EqualFold(params["charset"], "utf-8") && params["charset"] != "" || len(c.r.Header["Content-Type"]) > 1 {
		return nil, &badBody{http.StatusUnsupportedMediaType, "The body must be application/json"}
	}
	if c.r.Header.Get("Content-Encoding") != "" {
		return nil, &badBody{http.StatusUnsupportedMediaType, "The body must not be compressed"}
	}
	return raw, nil
}

func parseFields(raw []byte, allowed []string) (map[string]string, error) {
	notJSON := &badBody{http.StatusBadRequest, "The body is not valid JSON"}
	if !utf8.Valid(raw) {
		return nil, notJSON
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, notJSON
	}
	found := map[string]string{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, notJSON
		}
		if !slices.Contains(allowed, name) {
			return nil, &badBody{http.StatusUnprocessableEntity, "The body has a member that is not known here"}
		}
		if _, twice := found[name]; twice {
			return nil, &badBody{http.StatusBadRequest, "The body has a member twice"}
		}
		if name == keyMember {
			if found[name], err = keyAnswer(dec); err != nil {
				return nil, err
			}
			continue
		}
		if t, err = dec.Token(); err != nil {
			return nil, notJSON
		}
		// No number, list or other object has a meaning here, so nothing else nests. Two odd secrets would be the same.
		value, ok := t.(string)
		if !ok || odd(value) {
			return nil, &badBody{http.StatusUnprocessableEntity, "The body's members must be texts"}
		}
		found[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, notJSON
	}
	return found, nil
}

// need says which of the names are missing or empty.
func need(found map[string]string, names ...string) error {
	for _, name := range names {
		if found[name] == "" {
			return &badBody{http.StatusUnprocessableEntity, name + " is missing"}
		}
	}
	return nil
}

// flag reads a member that is "true", "false" or absent, which is false.
func flag(found map[string]string, name string) (bool, error) {
	switch found[name] {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, &badBody{http.StatusUnprocessableEntity, name + ` must be "true" or "false"`}
}

// Delivery of tokens.
const (
	inCookies = "cookie"
	inBody    = "body"
)

func delivery(found map[string]string) (string, error) {
	switch d := found["delivery"]; d {
	case "", inCookies:
		return inCookies, nil
	case inBody:
		return inBody, nil
	}
	return "", &badBody{http.StatusUnprocessableEntity, `delivery must be "cookie" or "body"`}
}

package waf

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/waf/screen"
)

// undeclared adds the strings of a body that is JSON but does not say so. Back ends that ignore the media type would undo
// its escapes, in which an attack can hide from the processor that the media type chose. That one runs too.
func (x *exchange) undeclared(r *http.Request) error {
	body, err := x.tx.RequestBodyReader()
	if err != nil {
		return errors.Join(errNoStorage, err)
	}
	name, size, n := "json", 0, 0
	if screen.Form(r.Header.Get("Content-Type")) {
		// A key that the form had would take the place of what is added under it.
		form, err := x.form()
		if err != nil {
			return err
		}
		name = screen.Unused(name, form)
	}
	screen.Strings(body, func(s string) bool {
		if size += len(s); int64(size) > x.h.BodyLimit {
			err = errTooLong
			return false
		}
		x.tx.AddPostRequestArgument(screen.Numbered(name, n), s) // counts towards the limit of arguments
		n++
		return true
	})
	return err
}

// clashing adds what is in a form under keys that differ only in case. Coraza keeps the values of one spelling, by chance, and an attack could hide among the others.
func (x *exchange) clashing() error {
	body, err := x.form()
	if err != nil {
		return err
	}
	keys := screen.Clashes(body)
	if len(keys) == 0 {
		return nil
	}
	name, n := screen.Unused("form", body), 0
	for key, value := range screen.Pairs(body) {
		if keys[strings.ToLower(key)] {
			x.tx.AddPostRequestArgument(screen.Numbered(name, n), key)
			x.tx.AddPostRequestArgument(screen.Numbered(name, n+1), value)
			n += 2
		}
	}
	return nil
}

// form is the body in the transaction.
func (x *exchange) form() (string, error) {
	r, err := x.tx.RequestBodyReader()
	if err != nil {
		return "", errors.Join(errNoStorage, err)
	}
	var b strings.Builder
	if _, err := io.Copy(&b, r); err != nil {
		return "", errors.Join(errNoStorage, err)
	}
	return b.String(), nil
}

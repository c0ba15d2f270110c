package body

import (
	"errors"
	"net/http"

	"github.com/convosphere/gateway/modules/protect/stream"
)

// Serve has next answer, and ends the answer. An error means that nothing was sent, and what is answered instead is the caller's; failed tells that it is
// because the answer can't be decrypted, and not next's own. Where something was sent, and can't be ended well, it panics with http.ErrAbortHandler, so that the client sees
// that the answer is not whole; broken is called before.
func (a *Answer) Serve(next func(http.ResponseWriter) error, broken func(error)) (failed bool, err error) {
	if err = a.call(next); err != nil {
		if a.sent && a.state == opening {
			panic(http.ErrAbortHandler) // an error page has no place in the middle of a file
		}
		return false, err
	}
	if err = a.finish(); err == nil {
		return false, nil
	}
	if a.sent {
		broken(err)
		panic(http.ErrAbortHandler)
	}
	return true, err
}

// call has next answer. A proxy panics where its copying was ended, by us or by the back end: as long as nothing was sent, that is ours to answer.
func (a *Answer) call(next func(http.ResponseWriter) error) (err error) {
	defer func() {
		if a.state != opening && a.state != refused || a.sent && a.failed == nil {
			return
		}
		p := recover()
		switch {
		case p != nil && p != http.ErrAbortHandler:
			panic(p)
		case p != nil && a.failed == nil:
			a.failed = ErrAnswer
		}
		if a.failed != nil {
			err = nil
		}
	}()
	return next(a)
}

// finish ends an answer.
func (a *Answer) finish() error {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK) // as net/http would
	}
	switch {
	case errors.Is(a.failed, errEnough):
		return nil
	case a.failed != nil:
		return a.failed
	case a.state == pass:
		return nil
	case a.head:
		if a.o.Plain { // who knows what a GET would find
			a.size = -1
		}
		a.begin()
		return nil
	}
	err := a.opener.Close()
	switch {
	case errors.Is(err, errEnough):
		return nil
	case a.o.Plain && errors.Is(err, stream.ErrPlain):
		return a.passPlain(nil)
	case err != nil:
		return err
	}
	if !a.sent { // an empty file
		a.begin()
	}
	return nil
}

package token

import (
	"errors"
	"fmt"
)

// ErrInvalid is a token that proves nothing: malformed, forged, expired, for somebody else, or of a session that has
// ended. Every error that is not ErrInvalid means that it could not be checked.
var ErrInvalid = errors.New("the token is not valid")

// ErrStale is an ErrInvalid of a token that was good once: whoever brings it is late, not guessing.
var ErrStale = fmt.Errorf("%w any more", ErrInvalid)

package backend

import (
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
)

// newID is a UUID of version 7: ids made later sort later, and nobody can guess one.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// IsID says whether s has the form of a message's or file's id: ours, or a ULID, as the gateway makes them.
func IsID(s string) bool { return isUUID(s) || isULID(s) }

func isUUID(s string) bool {
	id, err := uuid.Parse(s)
	return err == nil && id.String() == s
}

func isULID(s string) bool {
	id, err := ulid.ParseStrict(s)
	return err == nil && id.String() == s
}

// givenID is the id that the gateway has made for a new record, which it encrypts for that very record; "" has us make one.
func givenID(s string) (string, error) {
	switch {
	case s == "":
		return newID(), nil
	case !isULID(s):
		return "", invalid("The id is none that a gateway makes")
	}
	return s, nil
}

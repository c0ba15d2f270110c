package backend

import (
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
)

// newID is a ULID: ids made later sort later, beside those that the gateway has made, and nobody can guess one. Its bytes are those of a UUID of
// version 7, which begins with the same milliseconds.
func newID() string { return ulid.ULID(uuid.Must(uuid.NewV7())).String() }

// IsID says whether s has the form of a message's or file's id: a ULID, or a UUID, as they were before. Whoever sorts them puts UUIDs first.
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

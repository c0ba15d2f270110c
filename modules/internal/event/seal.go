package event

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// Sealer encrypts for a place: *keyring.Ring.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

// A sealed event is a JSON object of one member, so that files of events stay files of JSON lines, whatever ships and rotates them:
//
//	{"gateway.sealed":"<base64 of the encrypted line>"}
const (
	sealedHead = `{"gateway.sealed":"`
	sealedTail = `"}`
	sealPlace  = "event"
)

// Seal gives the line as a sealed one, with its line's end.
func Seal(s Sealer, line []byte) ([]byte, error) {
	sealed, err := s.Seal(bytes.TrimSuffix(line, []byte("\n")), sealPlace)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(sealedHead)+base64.StdEncoding.EncodedLen(len(sealed))+len(sealedTail)+1)
	out = append(out, sealedHead...)
	out = base64.StdEncoding.AppendEncode(out, sealed)
	return append(append(out, sealedTail...), '\n'), nil
}

// IsSealed tells whether the line is a sealed event.
func IsSealed(line []byte) bool { return bytes.HasPrefix(line, []byte(sealedHead)) }

// Unseal gives the line that a sealed one holds, without the line's end.
func Unseal(s Sealer, line []byte) ([]byte, error) {
	text, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte(sealedHead))
	text, ok2 := bytes.CutSuffix(text, []byte(sealedTail))
	if !ok || !ok2 {
		return nil, errors.New("the line is no sealed event")
	}
	sealed, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, errors.New("the sealed event is no base64")
	}
	plain, err := s.Unseal(sealed, sealPlace)
	if err != nil {
		return nil, fmt.Errorf("opening a sealed event: %w", err)
	}
	return plain, nil
}

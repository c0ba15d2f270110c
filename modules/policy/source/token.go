package source

import (
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// keyName is the key id that OPA's own tools look for where none is named.
const keyName = "default"

func signToken(claims map[string]any, key []byte, algorithm string) (string, error) {
	private, algorithm, err := parsePrivate(key, algorithm)
	if err != nil {
		return "", fmt.Errorf("signing the bundle: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("signing the bundle: %w", err)
	}
	headers := jws.NewHeaders()
	if err := headers.Set(jws.KeyIDKey, keyName); err != nil {
		return "", fmt.Errorf("signing the bundle: %w", err)
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.SignatureAlgorithm(algorithm), private, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("signing the bundle: %w", err)
	}
	return string(token), nil
}

package keyring

import (
	"encoding/base64"
	"strings"
)

// sealedText begins a value that SealText made, so that it is told from one that was stored before values were sealed.
const sealedText = "sealed:"

// SealText is Seal for a column of text. Nothing stays nothing.
func (r *Ring) SealText(text, place string) (string, error) {
	if text == "" {
		return "", nil
	}
	sealed, err := r.Seal([]byte(text), place)
	if err != nil {
		return "", err
	}
	return sealedText + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// UnsealText reads what SealText made for the same place; what was stored in plain before is given back as it is.
func (r *Ring) UnsealText(stored, place string) (string, error) {
	text, ok := strings.CutPrefix(stored, sealedText)
	if !ok {
		return stored, nil
	}
	sealed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return "", errSealed
	}
	plain, err := r.Unseal(sealed, place)
	return string(plain), err
}

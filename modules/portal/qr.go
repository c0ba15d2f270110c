package portal

import (
	"encoding/base64"
	"fmt"

	"rsc.io/qr"
)

// qrURL draws text as a QR code: a PNG in a data: URL.
func qrURL(text string) (string, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	code.Scale = 6
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()), nil
}

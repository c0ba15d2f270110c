package validate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/convosphere/gateway/modules/validate/openapi"
)

// maxDocument bounds the file.
const maxDocument = 16 << 20

// load reads a document. Its revision is that of what the file holds.
func load(name string) (d *openapi.Document, revision string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, "", fmt.Errorf("openapi: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, "", fmt.Errorf("openapi: %w", err)
	}
	if len(raw) > maxDocument {
		return nil, "", fmt.Errorf("openapi %s: it has more than 16 MiB", name)
	}
	if d, err = openapi.Load(raw); err != nil {
		return nil, "", fmt.Errorf("openapi %s: %w", name, err)
	}
	sum := sha256.Sum256(raw)
	return d, hex.EncodeToString(sum[:6]), nil
}

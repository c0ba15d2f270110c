package brand

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// MaxLogo is how large a logo may be, in bytes.
const MaxLogo = 256 << 10

// Logo is a picture.
type Logo struct {
	Body []byte
	Type string // media type
	Ext  string // with its dot
}

var logoTypes = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}

// ReadLogo reads a picture from a local file: PNG, JPEG, WebP, GIF or SVG, told by what it holds.
func ReadLogo(name string) (Logo, error) {
	f, err := os.Open(name)
	if err != nil {
		return Logo{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return Logo{}, errors.Join(err, fmt.Errorf("%s is no file", name))
	}
	body, err := io.ReadAll(io.LimitReader(f, MaxLogo+1))
	if err != nil {
		return Logo{}, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(body) > MaxLogo {
		return Logo{}, fmt.Errorf("%s is over %d KiB", name, MaxLogo>>10)
	}
	if t := http.DetectContentType(body); logoTypes[t] != "" {
		return Logo{body, t, logoTypes[t]}, nil
	}
	if isSVG(body) {
		return Logo{body, "image/svg+xml", ".svg"}, nil
	}
	return Logo{}, fmt.Errorf("%s is no PNG, JPEG, WebP, GIF or SVG", name)
}

// isSVG tells whether the body is XML whose element is svg of its namespace; anything else a browser would not draw.
func isSVG(body []byte) bool {
	dec := xml.NewDecoder(bytes.NewReader(body))
	for {
		t, err := dec.Token()
		if err != nil {
			return false
		}
		if e, ok := t.(xml.StartElement); ok {
			return e.Name.Local == "svg" && strings.HasSuffix(e.Name.Space, "//www.w3.org/2000/svg")
		}
	}
}

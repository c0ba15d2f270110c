package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"os"

	"github.com/convosphere/gateway/modules/portal/brand"
	"github.com/convosphere/gateway/modules/portal/texts"
)

// Theme is how the pages look besides the brand's name.
type Theme struct {
	// Logo is a picture file, shown in place of ours: PNG, JPEG, WebP, GIF or SVG of at most 256 KiB.
	Logo string `json:"logo,omitempty"`
	// LogoDark is the one for dark pages. Default: Logo.
	LogoDark string `json:"logo_dark,omitempty"`
	// HideName leaves out the brand's name beside the logo, for logos that hold it.
	HideName bool `json:"hide_name,omitempty"`
	// Color is what buttons and links have, as rrggbb. Text in it must be readable on a light page.
	Color string `json:"color,omitempty"`
	// ColorDark is the one for dark pages. Default: made from Color.
	ColorDark string `json:"color_dark,omitempty"`
}

// Link is one in the footer of every page, such as to a privacy notice.
type Link struct {
	Text string `json:"text"`
	// Address is a path of this site or an https: URL.
	Address string `json:"address"`
}

// look is what a handler's pages are made of.
type look struct {
	catalog *texts.Catalog
	pages   map[string]map[string]*template.Template // by language and name
	own     map[string]asset                         // the brand's files, by path

	css, logo, logoDark string // paths of own; "" none
	hideName            bool
	links               []Link
}

// newLook reads the files that the configuration names.
func newLook(theme Theme, files []string, links []Link) (*look, error) {
	l := &look{own: map[string]asset{}, hideName: theme.HideName, links: links}
	var messages []texts.File
	for _, name := range files {
		body, err := readFile(name, texts.MaxFile)
		if err != nil {
			return nil, fmt.Errorf("texts: %w", err)
		}
		messages = append(messages, texts.File{Name: name, Body: body})
	}
	var err error
	if l.catalog, err = texts.Load(messages...); err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	if err := l.dress(theme); err != nil {
		return nil, err
	}
	for _, link := range links {
		if err := link.check(); err != nil {
			return nil, err
		}
	}
	l.pages, err = parsePages(l.catalog)
	return l, err
}

func (l *look) dress(theme Theme) error {
	if theme.Color != "" {
		p, err := brand.NewPalette(theme.Color, theme.ColorDark)
		if err != nil {
			return fmt.Errorf("color: %w", err)
		}
		l.css = l.add("brand", ".css", asset{body: p.CSS(), contentType: assetTypes[".css"]})
	} else if theme.ColorDark != "" {
		return fmt.Errorf("color: one for dark pages needs one for light ones")
	}
	for _, logo := range []struct {
		file string
		path *string
	}{{theme.Logo, &l.logo}, {theme.LogoDark, &l.logoDark}} {
		if logo.file == "" {
			continue
		}
		picture, err := brand.ReadLogo(logo.file)
		if err != nil {
			return fmt.Errorf("logo: %w", err)
		}
		*logo.path = l.add("logo", picture.Ext, asset{body: picture.Body, contentType: picture.Type, foreign: true})
	}
	if l.logo == "" && (l.logoDark != "" || l.hideName) {
		return fmt.Errorf("logo: there is none that could be shown")
	}
	return nil
}

// add serves a file of the brand's.
func (l *look) add(name, ext string, a asset) string {
	sum := sha256.Sum256(a.body)
	hash := hex.EncodeToString(sum[:8])
	a.etag = `"` + hash + `"`
	at := assetFolder + name + "." + hash + ext
	l.own[at] = a
	return at
}

func readFile(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, most+1)) // one more, so that whoever reads it sees that it is too large
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return body, nil
}

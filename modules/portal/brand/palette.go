package brand

import "fmt"

var white, black = Color{255, 255, 255}, Color{}

// What text in the brand's colour stands on: the grounds of the pages' style sheet (--card, --bg, --sunk), light and dark. A test holds them to it.
var (
	lightGrounds = []Color{{0xff, 0xff, 0xff}, {0xf5, 0xf6, 0xfa}, {0xee, 0xf0, 0xf7}}
	darkGrounds  = []Color{{0x18, 0x1b, 0x23}, {0x0f, 0x11, 0x16}, {0x22, 0x26, 0x31}}
)

const (
	readable = 4.5 // of text (WCAG 2.2, 1.4.3)
	visible  = 2.2 // of a filled button, which its words mark too
)

// Palette is the colours that follow from the brand's own.
type Palette struct{ Light, Dark Tones }

// Tones are the colours of one scheme.
type Tones struct{ Accent, Hover, OnAccent, Link Color }

// NewPalette takes the brand's colour, and another for dark pages, or "" to have it made from the first. A colour in which text can't be read
// is an error that names the nearest in which it can.
func NewPalette(light, dark string) (Palette, error) {
	c, err := Parse(light)
	if err != nil {
		return Palette{}, err
	}
	if near := c.toward(black, readable, lightGrounds...); near != c {
		return Palette{}, fmt.Errorf("%s can't be read on a light page (contrast %.1f, it takes %.1f): the nearest that can is %s",
			c, worst(c, lightGrounds), readable, near)
	}
	p := Palette{Light: Tones{Accent: c, Hover: c.mix(black, 0.16), OnAccent: white, Link: c}}
	if dark == "" {
		p.Dark = darkTones(c, c.toward(white, readable, darkGrounds...))
		return p, nil
	}
	d, err := Parse(dark)
	if err != nil {
		return Palette{}, err
	}
	if near := d.toward(white, readable, darkGrounds...); near != d {
		return Palette{}, fmt.Errorf("%s can't be read on a dark page (contrast %.1f, it takes %.1f): the nearest that can is %s",
			d, worst(d, darkGrounds), readable, near)
	}
	p.Dark = darkTones(d, d)
	return p, nil
}

func darkTones(c, link Color) Tones {
	t := Tones{Accent: c.toward(white, visible, darkGrounds[0]), OnAccent: white, Link: link}
	if Contrast(black, t.Accent) > Contrast(white, t.Accent) {
		t.OnAccent = black
	}
	// Away from its words, so that these stay as readable.
	if t.OnAccent == white {
		t.Hover = t.Accent.mix(black, 0.16)
	} else {
		t.Hover = t.Accent.mix(white, 0.16)
	}
	return t
}

func worst(c Color, grounds []Color) float64 {
	low := 21.0
	for _, g := range grounds {
		low = min(low, Contrast(c, g))
	}
	return low
}

// CSS is a style sheet that sets the pages' custom properties.
func (p Palette) CSS() []byte {
	return fmt.Appendf(nil, ":root{%s}\n@media(prefers-color-scheme:dark){:root{%s}}\n", p.Light, p.Dark)
}

// String writes CSS declarations.
func (t Tones) String() string {
	return fmt.Sprintf("--accent:%s;--accent-hover:%s;--on-accent:%s;--link:%s", t.Accent, t.Hover, t.OnAccent, t.Link)
}

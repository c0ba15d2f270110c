package brand

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Color is an opaque sRGB colour.
type Color struct{ R, G, B uint8 }

// Parse reads rrggbb and rgb, with a # before it or without: in a Caddyfile # begins a comment.
func Parse(s string) (Color, error) {
	bad := fmt.Errorf("%q is no colour such as 4a40dd", s)
	hex := strings.TrimPrefix(s, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		return Color{}, bad
	}
	return Color{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

// String writes #rrggbb.
func (c Color) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// luminance is the relative luminance of WCAG 2.2.
func (c Color) luminance() float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Contrast is the contrast ratio of WCAG 2.2: 1 to 21.
func Contrast(a, b Color) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// mix is c with a share (0 to 1) of other in it.
func (c Color) mix(other Color, share float64) Color {
	one := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + share*(float64(b)-float64(a)))) }
	return Color{one(c.R, other.R), one(c.G, other.G), one(c.B, other.B)}
}

// toward mixes as little of other into c as gives the contrast to each of the grounds.
func (c Color) toward(other Color, contrast float64, grounds ...Color) Color {
	for share := 0.0; share < 1; share += 0.01 {
		if m := c.mix(other, share); enough(m, contrast, grounds) {
			return m
		}
	}
	return other
}

func enough(c Color, contrast float64, grounds []Color) bool {
	for _, g := range grounds {
		if Contrast(c, g) < contrast {
			return false
		}
	}
	return true
}

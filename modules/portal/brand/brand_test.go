package brand

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#fff", "#000", 21}, {"#777777", "#ffffff", 4.48}, {"#4a40dd", "#fff", 6.83}} {
		a, _ := Parse(c.a)
		b, _ := Parse(c.b)
		if got := Contrast(a, b); got < c.want-0.02 || got > c.want+0.02 {
			t.Errorf("%s on %s: %.2f, want %.2f", c.a, c.b, got, c.want)
		}
	}
	for _, bad := range []string{"", "#", "##fff", "#ff", "#ffff", "#gggggg", "#+12345", "red", "#fff;}", "rgb(0,0,0)"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Whatever colour is taken can be read: as a link on each ground, and on buttons.
func TestPalettesCanBeRead(t *testing.T) {
	taken := 0
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := Color{uint8(r), uint8(g), uint8(b)}
				p, err := NewPalette(c.String(), "")
				if err != nil {
					near := regexp.MustCompile(`nearest that can is (#\w+)`).FindStringSubmatch(err.Error())
					if near == nil {
						t.Fatal(err)
					}
					if p, err = NewPalette(near[1], ""); err != nil {
						t.Fatalf("%s: the nearest is none: %v", c, err)
					}
				}
				taken++
				for _, s := range []struct {
					tones   Tones
					grounds []Color
				}{{p.Light, lightGrounds}, {p.Dark, darkGrounds}} {
					if !enough(s.tones.Link, readable, s.grounds) || Contrast(s.tones.OnAccent, s.tones.Accent) < readable || Contrast(s.tones.OnAccent, s.tones.Hover) < readable {
						t.Fatalf("%s: %s", c, s.tones)
					}
				}
			}
		}
	}
	if taken < 5000 {
		t.Error(taken)
	}
}

func TestPaletteRefuses(t *testing.T) {
	for _, c := range []struct{ light, dark, want string }{
		{"#ffcc00", "", "#ffcc00 can't be read on a light page (contrast 1.3, it takes 4.5): the nearest that can is #"},
		{"#4a40dd", "#222222", "can't be read on a dark page"},
		{"blue", "", "is no colour"},
		{"#4a40dd", "}", "is no colour"},
	} {
		if _, err := NewPalette(c.light, c.dark); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.light, c.dark, err)
		}
	}
	p, err := NewPalette("#0a5", "#5fd")
	if err == nil {
		t.Errorf("%s", p.CSS())
	}
	p, err = NewPalette("#0a6640", "#5fd")
	if err != nil || !strings.HasPrefix(string(p.CSS()), ":root{--accent:#0a6640;") || !strings.Contains(string(p.CSS()), "--link:#55ffdd") {
		t.Errorf("%s %v", p.CSS(), err)
	}
}

// The grounds are those of the pages' style sheet, and all its own colours of text can be read on them.
func TestGroundsAreThoseOfThePages(t *testing.T) {
	css, err := os.ReadFile(filepath.Join("..", "assets", "base.css"))
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("no dark colours")
	}
	dark, _, _ = strings.Cut(dark, "* {")
	for _, s := range []struct {
		css     string
		grounds []Color
	}{{light, lightGrounds}, {dark, darkGrounds}} {
		of := func(name string) Color {
			m := regexp.MustCompile(`--` + name + `: (#\w+);`).FindStringSubmatch(s.css)
			if m == nil {
				t.Fatalf("no --%s", name)
			}
			c, err := Parse(m[1])
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		for i, name := range []string{"card", "bg", "sunk"} {
			if of(name) != s.grounds[i] {
				t.Errorf("--%s is %s, not %s", name, of(name), s.grounds[i])
			}
		}
		for _, name := range []string{"fg", "dim", "link"} {
			if !enough(of(name), readable, s.grounds) {
				t.Errorf("--%s %s can't be read: %.2f", name, of(name), worst(of(name), s.grounds))
			}
		}
		for text, ground := range map[string]string{"bad": "bad-bg", "good": "good-bg", "warn": "warn-bg", "on-accent": "accent"} {
			if c := Contrast(of(text), of(ground)); c < readable {
				t.Errorf("--%s on --%s: %.2f", text, ground, c)
			}
		}
		for _, ground := range []string{"accent-hover", "danger", "danger-hover"} {
			if c := Contrast(white, of(ground)); c < readable {
				t.Errorf("white on --%s: %.2f", ground, c)
			}
		}
		if !enough(of("field"), 3, s.grounds[:1]) { // the border of a field (WCAG 2.2, 1.4.11)
			t.Error("--field can't be seen")
		}
	}
}

func TestLogo(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		body, typ, err string
	}{
		"svg":          {`<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>`, "image/svg+xml", ""},
		"png":          {"\x89PNG\x0d\x0a\x1a\x0a....", "image/png", ""},
		"html":         {"<!doctype html><script>alert(1)</script>", "", "is no PNG"},
		"xhtml":        {`<html xmlns="http://www.w3.org/1999/xhtml"/>`, "", "is no PNG"},
		"svg of none":  {`<svg/>`, "", "is no PNG"},
		"xml with svg": {`<x><svg xmlns="http://www.w3.org/2000/svg"/></x>`, "", "is no PNG"},
		"script":       {"alert(1)", "", "is no PNG"},
		"empty":        {"", "", "is no PNG"},
		"large":        {"\x89PNG\x0d\x0a\x1a\x0a" + strings.Repeat("x", MaxLogo), "", "over 256 KiB"},
	} {
		file := filepath.Join(dir, name+".svg") // its name says nothing
		if err := os.WriteFile(file, []byte(c.body), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := ReadLogo(file)
		if c.err == "" && (err != nil || l.Type != c.typ) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %q %v", name, l.Type, err)
		}
	}
	for _, no := range []string{dir, filepath.Join(dir, "nothing"), "/dev/zero"} {
		if _, err := ReadLogo(no); err == nil {
			t.Errorf("%s is taken", no)
		}
	}
}

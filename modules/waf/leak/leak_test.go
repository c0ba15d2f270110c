package leak

import (
	"regexp"
	"testing"
)

var expressions = []string{
	`(?i)\b(?:java[\.a-z]+E(?:xception|rror)|(?:org|com)\.[\.a-z]+Exception|Exception in thread "[^"]*"|at[\s\x0b]+(?:ja(?:vax?|karta)|org|com))\b`,
	`(?i)<\?(?:=|php)?\s+`, `^#\!\s?/`, `(?i)Exception.*Informix|CLI Driver.*DB2`, `(?i)[a-z]:[\x5c/]inetpub\b`, `^ *<html>\n[ ]+<head>`,
	`(?i)Warning.{1,10}o(?:ci_.{1,30}|ra_.{1,20})`, `x+y`, `a?b?c`, `[^x]z`, `(?:ab|c)d*e`, `é(?i)ß`, `abc$`, `(?i)k(?:s|t)u`,
}

// The screen never says clean of a text that a rule matches.
func FuzzScreen(f *testing.F) {
	var all []*regexp.Regexp
	var each []*Screen
	for _, e := range expressions {
		s, err := New([]Rule{{Expression: e}}, nil)
		if err != nil {
			f.Fatal(err)
		}
		all, each = append(all, regexp.MustCompile("(?sm)"+e)), append(each, s)
	}
	together := func() *Screen {
		var rules []Rule
		for _, e := range expressions {
			rules = append(rules, Rule{Expression: e})
		}
		s, err := New(rules, nil)
		if err != nil {
			f.Fatal(err)
		}
		return s
	}()
	for _, t := range []string{
		"at  java", "Exception in thread \"x\" y", "x com.a.bException;", "<? x", "<?PHP\n", "\n#!/bin", "exception\n INFORMIX", "c:\\INETPUB ", "  <html>\n <head>", "warning: oci_x()",
		"xxxy", "c", "yz", "cdde", "éSS", "éß", "abc\n", "\u212a\u017fu", "kSU", "at org", "xat org", "at organ", "\xffat org\xff", "",
	} {
		f.Add([]byte(t))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		any := false
		for i, re := range all {
			match := re.Match(text)
			any = any || match
			if match && !each[i].Suspicious(text) {
				t.Errorf("%q matches %q, and the screen says clean", expressions[i], text)
			}
		}
		if any && !together.Suspicious(text) {
			t.Errorf("%q: all rules together say clean", text)
		}
	})
}

func TestGatesAndPhrases(t *testing.T) {
	s, err := New([]Rule{{Expression: `(?i)oracle error`, Gate: 1}, {Phrases: []string{"Fatal error: something long", "x1"}}, {Text: "Shell()"}}, [][]string{{"ORA-", "Driver"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"an oracle error": false, "an oracle error, ora-1": true, "driver: oracle error": true, "driver": false, "fatal error: something short": false,
		"FATAL ERROR: SOMETHING LONG": true, "X1": true, "Shell()": true, "shell()": false,
	} {
		if got := s.Suspicious([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

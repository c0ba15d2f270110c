package detect

import (
	"bytes"
	"regexp"
)

// trace is how a program tells of its inside when it fails. A text without the literal is not matched by the pattern, which is nil where the
// literal says it all.
type trace struct {
	literal string
	pattern *regexp.Regexp
}

// traces are not about lines or blanks: in JSON they are written as escapes.
var traces = []trace{
	{"Traceback (most recent call last)", nil}, // Python
	{".py", regexp.MustCompile(`File \\?"[^"\n]{1,300}\.py\\?", line \d+`)},
	{"(", regexp.MustCompile(`(?:\b|\\t)at [\w$.<>/]{3,300}\((?:[\w$]{1,100}\.(?:java|kt|scala|groovy|clj):\d+|Native Method|Unknown Source)\)`)}, // the JVM
	{"Exception in thread ", regexp.MustCompile(`Exception in thread \\?"`)},
	{" at ", regexp.MustCompile(`(?:\b|\\t)at [\w.<>+\x60\[\], ]{3,300}\([^()\n]{0,300}\) in .{1,300}:line \d+`)}, // .NET
	{"--- End of inner exception stack trace ---", nil},
	{"Server Error in '/", nil},
	{"goroutine ", regexp.MustCompile(`goroutine \d+ \[[a-z ,0-9]{1,60}\]:`)},                                                            // Go
	{"at ", regexp.MustCompile(`(?:\b|\\t)at (?:[\w.$<>\[\] ]{1,200}\()?(?:file:///?|node:|/|[A-Z]:\\{1,2})[^()\n"]{1,300}:\d+:\d+\)?`)}, // JavaScript
	{"Fatal error", regexp.MustCompile(`Fatal error(?:</b>)?:.{1,300}? on line (?:<b>)?\d+`)},                                            // PHP
	{"#0 ", regexp.MustCompile(`#0 [^\n]{1,300}\.php\(\d+\): `)},
	{"SQLSTATE[", nil},
	{".rb:", regexp.MustCompile(`\.rb:\d+:in ['\x60]`)},                         // Ruby
	{"panicked at ", regexp.MustCompile(`thread '[^'\n]{1,100}' panicked at `)}, // Rust
	{"You have an error in your SQL syntax", nil},                               // databases
	{"ORA-", regexp.MustCompile(`\bORA-\d{5}: `)},
	{"Unclosed quotation mark after the character string", nil},
	{"Whitelabel Error Page", nil}, // Spring
	{"Werkzeug Debugger", nil},
	{"DEBUG = True", regexp.MustCompile(`DEBUG = True</code>`)}, // Django
}

// Trace tells whether a text holds a stack trace, or an error page made for programmers. Many of its blanks may be written as JSON's escapes.
func Trace(text []byte) bool {
	for _, t := range traces {
		if bytes.Contains(text, []byte(t.literal)) && (t.pattern == nil || t.pattern.Match(text)) {
			return true
		}
	}
	return false
}

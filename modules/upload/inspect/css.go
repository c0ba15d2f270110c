package inspect

import (
	"regexp"
	"strconv"
	"strings"
)

const maxStyle = 1 << 20

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssEscape  = regexp.MustCompile(`\\([0-9a-fA-F]{1,6}[ \t\r\n\f]?|.)`)
	cssURL     = regexp.MustCompile(`(?:url|src|image-set)\(\s*["']?\s*([^)]{0,64})`)
)

// css looks for what a style loads or runs.
func (w *walker) css(s string) {
	if len(s) > maxStyle {
		w.find(MarkupSize, "a style that is longer than is read")
		return
	}
	s = cssComment.ReplaceAllString(s, "")
	s = cssEscape.ReplaceAllStringFunc(s, func(e string) string {
		if n, err := strconv.ParseUint(strings.TrimSpace(e[1:]), 16, 32); err == nil {
			return string(rune(n))
		}
		return e[1:]
	})
	s = bare(s)
	if strings.Contains(s, "javascript:") || strings.Contains(s, "expression(") || strings.Contains(s, "-moz-binding") || strings.Contains(s, "behavior:") {
		w.find(Script, "a style with a script")
	}
	if strings.Contains(s, "@import") {
		w.find(External, "a style that loads from elsewhere")
	}
	for _, m := range cssURL.FindAllStringSubmatch(s, -1) {
		switch {
		case strings.HasPrefix(m[1], "#") || m[1] == "":
		case strings.HasPrefix(m[1], "data:"):
			if runsAddress(m[1]) {
				w.find(Script, "a style with a page in an address")
			}
		default:
			w.find(External, "a style that loads from elsewhere")
		}
	}
}

package banfile

import (
	"io"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
)

// readPlain reads an address or prefix a line, as most published lists are. What follows a # or ; is the reason.
func readPlain(text string, _ time.Time) (bans []ban.Ban, err error) {
	err = lines(text, func(line string) error {
		what, why := line, ""
		if at := strings.IndexAny(line, "#;"); at >= 0 {
			what, why = strings.TrimSpace(line[:at]), line[at+1:]
		}
		if what == "" {
			return nil // a comment
		}
		p, err := ban.Parse(what)
		if err == nil {
			bans = append(bans, ban.Ban{Prefix: p, Reason: reason(why)})
		}
		return err
	})
	return bans, err
}

// WritePlain writes a prefix a line.
func WritePlain(w io.Writer, bans []ban.Ban) error {
	var b strings.Builder
	for _, each := range bans {
		b.WriteString(each.Prefix.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

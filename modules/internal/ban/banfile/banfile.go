// Package banfile reads and writes lists of bans in the formats of other tools. A list is read whole or not at all: a line that can't be understood is an
// error with its number, since what is left out quietly is not banned.
package banfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
)

// MaxBytes is how long a list may be.
const MaxBytes = 256 << 20

// formats are the ways to read a list.
var formats = map[string]func(text string, now time.Time) ([]ban.Ban, error){
	"plain":    readPlain,
	"crowdsec": readCrowdSec,
	"fail2ban": readFail2ban,
	"json":     readJSON,
}

// Formats are the names of the formats that Read knows.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Read reads a list. now is where times that are said to be left begin; bans that have ended by then are left out. Source is not set.
func Read(format, text string, now time.Time) ([]ban.Ban, error) {
	read := formats[format]
	if read == nil {
		return nil, fmt.Errorf("there is no format %q: write one of %s", format, strings.Join(Formats(), ", "))
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("the list has more than %d MiB", MaxBytes>>20)
	}
	bans, err := read(strings.TrimPrefix(text, "\ufeff"), now)
	if err != nil {
		return nil, err
	}
	bans = slices.DeleteFunc(bans, func(b ban.Ban) bool { return !b.In(now) })
	if len(bans) > ban.MaxBans {
		return nil, fmt.Errorf("the list has more than %d bans", ban.MaxBans)
	}
	return bans, nil
}

// reason makes text of another tool one that a ban may have.
func reason(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(s), ""))
	for len(s) > ban.MaxReason {
		s = strings.ToValidUTF8(s[:ban.MaxReason], "")
	}
	return s
}

// lines calls f with each line that is not empty, trimmed, until it fails. An error names the line.
func lines(text string, f func(line string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

var errEmpty = errors.New("there is nothing in the list")

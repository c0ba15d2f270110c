package banfile

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
)

// Ban is a ban as JSON, in lists and in the admin API.
type Ban struct {
	Prefix  string     `json:"prefix"`
	Reason  string     `json:"reason,omitempty"`
	Source  string     `json:"source,omitempty"`
	Created *time.Time `json:"created,omitempty"`
	Expires *time.Time `json:"expires,omitempty"` // none: never
	Times   int        `json:"times,omitempty"`
}

// FromBan is the ban as JSON.
func FromBan(b ban.Ban) Ban {
	return Ban{b.Prefix.String(), b.Reason, b.Source, pointer(b.Created), pointer(b.Expires), b.Times}
}

func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Ban reads it.
func (j Ban) Ban() (ban.Ban, error) {
	p, err := ban.Parse(j.Prefix)
	b := ban.Ban{Prefix: p, Reason: j.Reason, Source: j.Source, Times: j.Times}
	if j.Created != nil {
		b.Created = *j.Created
	}
	if j.Expires != nil {
		b.Expires = *j.Expires
	}
	return b, err
}

// readJSON reads what WriteJSON wrote.
func readJSON(text string, _ time.Time) ([]ban.Ban, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var all []Ban
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("reading the list as JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("reading the list as JSON: something follows it")
	}
	bans := make([]ban.Ban, 0, len(all))
	for i, j := range all {
		b, err := j.Ban()
		if err != nil {
			return nil, fmt.Errorf("ban %d: %w", i+1, err)
		}
		bans = append(bans, b)
	}
	return bans, nil
}

// WriteJSON writes all that is known of the bans.
func WriteJSON(w io.Writer, bans []ban.Ban) error {
	all := make([]Ban, len(bans))
	for i, b := range bans {
		all[i] = FromBan(b)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

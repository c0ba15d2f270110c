package ban

import (
	"net/netip"
	"time"
)

// Options are what a configuration says of bans. Zero values take the defaults.
type Options struct {
	Allow    []netip.Prefix // never banned
	Most     int            // bans at once; default 1,000,000, at most MaxBans
	Remember time.Duration  // for how long after a ban's end it makes the next one longer; default 30 days
}

// MaxBans is how many bans a book holds at most.
const MaxBans = 2_000_000

const (
	defaultMost     = 1_000_000
	defaultRemember = 30 * 24 * time.Hour
)

func (o Options) orDefaults() Options {
	if o.Most <= 0 {
		o.Most = defaultMost
	}
	o.Most = min(o.Most, MaxBans)
	if o.Remember <= 0 {
		o.Remember = defaultRemember
	}
	return o
}

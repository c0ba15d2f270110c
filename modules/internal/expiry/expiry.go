// Package expiry knows when what a gateway stands on by certificates ends: of its sites, and of its links to other machines with their authorities.
//
// Those who have certificates add them; the health part and the metrics ask for all.
package expiry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
)

// What certificates are for: labels of metrics.
const (
	Site     = "site"
	Store    = "store"
	Database = "database"
	Output   = "output"
	Tracing  = "tracing"
	Alert    = "alert"
	Policy   = "policy"
	Mail     = "mail"
)

// A certificate is to be renewed by then: so long before its end, or at that part of its life, whichever is later. Whoever renews by himself (Caddy at a
// third of the life that is left) has done so before.
const (
	soon     = 21 * 24 * time.Hour
	soonPart = 4
)

// Certificate is one, or the authorities of one file.
type Certificate struct {
	Use  string // one of the constants
	Name string // of several: a host, an output
	link.Life
}

// left is how much of the time is left in which it should be renewed: 1 and more, it need not be yet; 0, it has ended.
func (c Certificate) left(now time.Time) float64 {
	return float64(c.Until.Sub(now)) / float64(min(soon, c.Until.Sub(c.From)/soonPart))
}

// String says which it is.
func (c Certificate) String() string {
	what := "certificate"
	if c.Authority {
		what = "authority"
	}
	return strings.TrimSpace(fmt.Sprintf("the %s of the %s %s", what, c.Use, c.Name))
}

// Set is the certificates of one configuration. A nil Set has none, and takes none.
type Set struct {
	mu  sync.Mutex
	all []func() []Certificate
}

// Add adds what tells of certificates as they are now. It must not block.
func (s *Set) Add(look func() []Certificate) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, look)
}

// Files adds those of a link; nil files have none.
func (s *Set) Files(use, name string, files *link.Files) {
	if files == nil {
		return
	}
	s.Add(func() (all []Certificate) {
		for _, life := range files.Lives() {
			all = append(all, Certificate{use, name, life})
		}
		return all
	})
}

// Link adds the files that a link names, whose opener shows them to nobody.
func (s *Set) Link(use, name string, t link.TLS) error {
	if s == nil || t.CA == "" && t.Certificate == "" {
		return nil
	}
	t.Ended = true // it is looked at, not used
	files, err := t.Open()
	if err != nil {
		return err
	}
	s.Files(use, name, files)
	return nil
}

// First are, of each use, the certificate and the authority that are the closest to having to be renewed, the most urgent first.
func (s *Set) First(now time.Time) []Certificate {
	var first []Certificate
	for _, c := range s.now() {
		i := slices.IndexFunc(first, func(f Certificate) bool { return f.Use == c.Use && f.Authority == c.Authority })
		switch {
		case i < 0:
			first = append(first, c)
		case c.left(now) < first[i].left(now):
			first[i] = c
		}
	}
	slices.SortStableFunc(first, func(a, b Certificate) int {
		switch x, y := a.left(now), b.left(now); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return first
}

// Due says of the most urgent one that should have been renewed; "": there is none.
func (s *Set) Due(now time.Time) string {
	first := s.First(now)
	if len(first) == 0 || first[0].left(now) >= 1 {
		return ""
	}
	ends := "ends"
	if !first[0].Until.After(now) {
		ends = "has ended"
	}
	return fmt.Sprintf("%s %s on %s", first[0], ends, first[0].Until.UTC().Format(time.RFC3339))
}

func (s *Set) now() (all []Certificate) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	looks := slices.Clone(s.all)
	s.mu.Unlock()
	for _, look := range looks {
		for _, c := range look() {
			if c.Until.After(c.From) { // one without a life would be no number
				all = append(all, c)
			}
		}
	}
	return all
}

package compliance

import (
	"net"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// Facts are what checks look at. What is nil nobody could tell.
type Facts struct {
	At     time.Time
	Config inforce.Gateway
	Rules  *int // rules of detection that are in force

	Audit     *Audit
	Keys      *Keys
	DataKeys  *DataKeys
	Accounts  *Accounts
	Incidents *Incidents
	Reviews   *Reviews
}

// Audit is the log that can't be altered unseen.
type Audit struct {
	Events, Lost int64
	Failing      bool // the disk refuses events
}

// Keys are those that sign tokens.
type Keys struct {
	Signing int       // how many there are
	Since   time.Time // since when the present one signs; zero: nobody knows
}

// DataKeys are those of what is encrypted for the back end.
type DataKeys struct {
	Sets   int64
	Oldest time.Time // when the one was made, or rotated last, that waits for longest
}

// Accounts is how those stand who sign in.
type Accounts struct {
	Operators             int64 // enabled accounts with a role that is privileged
	OperatorsNoFactor     int64 // of them without a second factor
	Stale                 int64 // enabled accounts of people that nobody signed in to for StaleAfter
	StaleKeys             int64 // keys of services and personal tokens that were not used for as long
	Default               int64 // enabled accounts with a name that everybody tries
	People                int64 // enabled accounts of people
	ServiceKeys, Personal int64
}

// Incidents is how they are worked on.
type Incidents struct {
	Waiting    int64 // of level high and above that nobody has taken up for WaitingAfter
	DeadAlerts int64 // that could not be delivered in the last 30 days
}

// Reviews is how access was reviewed.
type Reviews struct {
	Last time.Time // when the last one was signed; zero: none was
}

const (
	day = 24 * time.Hour
	// StaleAfter is without which use an account or a key is stale.
	StaleAfter = 90 * day
	// WaitingAfter is for how long a grave incident may wait to be taken up.
	WaitingAfter = day
	alertsFor    = 30 * day
)

// Privileged are the roles of the shipped policy that run the place.
var Privileged = []string{"admin", "moderator"}

// app is the settings of an app of Caddy.
func (f *Facts) app(name string) inforce.Tree {
	t, _ := f.Config.Apps[name].(inforce.Tree)
	return t
}

// place is a site of a server.
type place struct {
	server *inforce.Server
	site   *inforce.Site
}

// sites are those in which one of these modules stands.
func (f *Facts) sites(modules ...string) []place {
	var all []place
	for i := range f.Config.Servers {
		s := &f.Config.Servers[i]
		for j := range s.Sites {
			for _, m := range modules {
				if _, at := s.Sites[j].Find(m); at >= 0 {
					all = append(all, place{s, &s.Sites[j]})
					break
				}
			}
		}
	}
	return all
}

// applications are the sites in front of an application.
func (f *Facts) applications() []place { return f.sites("reverse_proxy") }

// content are the sites that answer with more than errors.
func (f *Facts) content() []place {
	return f.sites("reverse_proxy", "file_server", "gw_portal", "gw_console")
}

// guards are the handlers of a module that stand before what of the site serves. Where what serves can be reached past them, bare says so.
func (p place) guards(module string, serves ...string) (all []inforce.Handler, bare bool) {
	handlers := p.site.Handlers
	for at, h := range handlers {
		for _, s := range serves {
			if h.Module != s {
				continue
			}
			guarded := false
			for i := range at {
				if g := &handlers[i]; g.Module == module && covers(g, &h) {
					guarded = true
					break
				}
			}
			bare = bare || !guarded
		}
	}
	for _, h := range handlers {
		if h.Module == module {
			all = append(all, h)
		}
	}
	return all, bare
}

// covers tells whether whatever meets the one has met the other: it stands under no condition that the other does not stand under.
func covers(guard, served *inforce.Handler) bool {
	if len(guard.Match) > len(served.Match) {
		return false
	}
	for i := range guard.Match {
		if !reflect.DeepEqual(guard.Match[i], served.Match[i]) {
			return false
		}
	}
	return true
}

// near tells whether an address is this machine's own: a socket in the file system, or loopback.
func near(address string) bool {
	if network, rest, ok := strings.Cut(address, "/"); ok {
		if strings.HasPrefix(network, "unix") || strings.HasPrefix(network, "fd") {
			return true
		}
		address = rest
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// nearServer tells whether only this machine reaches it.
func nearServer(s *inforce.Server) bool {
	for _, l := range s.Listen {
		if !near(l) {
			return false
		}
	}
	return len(s.Listen) > 0
}

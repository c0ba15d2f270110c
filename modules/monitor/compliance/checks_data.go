package compliance

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// accountChecks are of who may, as it stands in the data.
var accountChecks = []Check{
	{"operators-factor", "All who run the place have a second factor", "Have them add one at /auth/account, or take the role from them: `convosphere user list`.", lookOperators},
	{"default-accounts", "No account has a name that everybody tries", "Disable or rename accounts called admin, root, test and so on: `convosphere user disable`.", lookDefault},
	{"stale-accounts", "Accounts that nobody uses are disabled", "Disable accounts that nobody signed in to for 90 days, or keep them in an access review.", lookStale},
	{"stale-keys", "Keys and tokens that nobody uses are revoked", "Revoke keys of services and personal tokens that were not used for 90 days.", lookStaleKeys},
	{"access-review", "Who may what was reviewed, and signed, within half a year", "Begin an access review in the console, decide on its lines, and sign it.", lookReview},
}

// dataChecks are of what is stored, where, and how.
var dataChecks = []Check{
	{"field-encryption", "Fields and files are encrypted before the application stores them", "Name routes, sockets or files in gw_protect.", lookFields},
	{"events-encrypted", "Events are encrypted on the disk", "In gateway: events { encrypt }", lookEventsEncrypted},
	{"file-modes", "Only the gateway's user can read its files", "Take `file_modes warn` out, and give the folders to the gateway's user alone.", lookModes},
	{"database-tls", "The database is on this machine, or reached over TLS with its certificate verified", "A block with ca at `database postgres`, or sslmode=verify-full in its address", lookDatabase},
	{"store-tls", "The store is in memory or on this machine, or reached over TLS", "Name the Redis by rediss://", lookStore},
	{"redundancy", "More than one node can serve: what is durable and what is fast are shared", "Name a PostgreSQL as database and a Redis as store, and run a second node.", lookRedundancy},
	{"retention", "What is personal in logs goes away by itself", "In gateway: events { log { keep 90d; anonymous 30d } }, and monitor { incidents { keep 365d } }", lookRetention},
}

func lookOperators(f *Facts) Outcome {
	a := f.Accounts
	switch {
	case a == nil:
		return unknown("accounts can't be read")
	case a.Operators == 0:
		return notApplicable("no account has such a role")
	case a.OperatorsNoFactor > 0:
		return notMet("%d of %d have none", a.OperatorsNoFactor, a.Operators)
	}
	return met("all %d have one", a.Operators)
}

func lookDefault(f *Facts) Outcome {
	switch {
	case f.Accounts == nil:
		return unknown("accounts can't be read")
	case f.Accounts.Default > 0:
		return notMet("%d accounts have such a name", f.Accounts.Default)
	}
	return met("none of %d accounts has", f.Accounts.People)
}

func lookStale(f *Facts) Outcome {
	switch {
	case f.Accounts == nil:
		return unknown("accounts can't be read")
	case f.Accounts.Stale > 0:
		return notMet("%d of %d accounts were not used for 90 days", f.Accounts.Stale, f.Accounts.People)
	}
	return met("all of %d accounts were used within 90 days, or are newer", f.Accounts.People)
}

func lookStaleKeys(f *Facts) Outcome {
	a := f.Accounts
	switch {
	case a == nil:
		return unknown("accounts can't be read")
	case a.ServiceKeys+a.Personal == 0:
		return notApplicable("there are none")
	case a.StaleKeys > 0:
		return notMet("%d of %d were not used for 90 days", a.StaleKeys, a.ServiceKeys+a.Personal)
	}
	return met("all of %d were used within 90 days, or are newer", a.ServiceKeys+a.Personal)
}

func lookReview(f *Facts) Outcome {
	switch r := f.Reviews; {
	case r == nil:
		return unknown("reviews can't be read")
	case r.Last.IsZero():
		return notMet("none was signed yet")
	case f.At.Sub(r.Last) > 183*day:
		return notMet("the last one was signed on %s", r.Last.UTC().Format(time.DateOnly))
	}
	return met("signed on %s", f.Reviews.Last.UTC().Format(time.DateOnly))
}

// encrypts tells whether any site has fields or files encrypted.
func encrypts(f *Facts) bool {
	for _, p := range f.applications() {
		if h, at := p.site.Find("gw_protect"); at >= 0 && fields(h) > 0 {
			return true
		}
	}
	return false
}

func fields(h inforce.Handler) int {
	return len(list(h.Settings, "routes")) + len(list(h.Settings, "sockets")) + len(list(h.Settings, "files"))
}

func lookFields(f *Facts) Outcome {
	return before(f, "gw_protect", func(h inforce.Handler) Outcome {
		if fields(h) == 0 {
			return notMet("gw_protect encrypts nothing")
		}
		return met("%d routes and sockets and %d kinds of files have theirs encrypted, as the policy's data say", len(list(h.Settings, "routes"))+len(list(h.Settings, "sockets")), len(list(h.Settings, "files")))
	})
}

func lookEventsEncrypted(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		if !inforce.True(t, "events.encrypt") {
			return notMet("they are plain JSON, which the gateway's user can read")
		}
		return met("they are sealed with the key ring")
	})
}

func lookModes(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		if m := inforce.Text(t, "file_modes"); m != "refuse" {
			return notMet("files that others can read are only warned of (%s)", m)
		}
		return met("a configuration whose files others can read is refused at load")
	})
}

func lookDatabase(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		name := inforce.Text(t, "database")
		if strings.HasPrefix(name, "sqlite") {
			return met("SQLite, a file on this machine")
		}
		u, err := url.Parse(name)
		if err != nil {
			return unknown("its address can't be read")
		}
		if u.Host == "" || near(u.Host) {
			return met("PostgreSQL on this machine")
		}
		if mode := u.Query().Get("sslmode"); mode != "verify-full" {
			return notMet("PostgreSQL at %s with sslmode=%s, which does not verify that it is that server", u.Host, orDefault(mode, "prefer"))
		}
		return met("PostgreSQL at %s, its certificate verified", u.Host)
	})
}

func lookStore(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		name := inforce.Text(t, "store")
		if name == "memory" {
			return met("memory")
		}
		u, err := url.Parse(name)
		switch {
		case err != nil:
			return unknown("its address can't be read")
		case strings.HasPrefix(u.Scheme, "rediss"):
			return met("Redis over TLS")
		case !slices.ContainsFunc(strings.Split(u.Host, ","), func(h string) bool { return !near(h) }):
			return met("Redis on this machine")
		}
		return notMet("Redis at %s, without TLS", u.Host)
	})
}

func lookRedundancy(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		if strings.HasPrefix(inforce.Text(t, "database"), "sqlite") || inforce.Text(t, "store") == "memory" {
			return notMet("this node stands alone")
		}
		return met("database and store are shared (how many nodes there are can't be told from here)")
	})
}

func lookRetention(f *Facts) Outcome {
	log := from(f, "gateway", func(t inforce.Tree) Outcome {
		if inforce.True(t, "events.log.off") {
			return notApplicable("no audit log is kept")
		}
		keep, anonymous := inforce.Age(t, "events.log.keep"), inforce.Age(t, "events.log.anonymous")
		if keep <= 0 || keep > 400*day || anonymous > 100*day {
			return notMet("the audit log is kept for %d days, what is personal of unknown people in it for %d", keep/day, anonymous/day)
		}
		return met("the audit log is kept for %d days, what is personal of unknown people in it for %d", keep/day, anonymous/day)
	})
	incidents := from(f, "gw_monitor", func(t inforce.Tree) Outcome {
		keep := inforce.Age(t, "incidents.keep")
		switch {
		case inforce.True(t, "off") || inforce.True(t, "incidents.off"):
			return notApplicable("no incidents are kept")
		case keep <= 0 || keep > 800*day:
			return notMet("incidents are kept for %d days", keep/day)
		}
		return met("incidents are kept for %d days", keep/day)
	})
	return gather([]Outcome{log, incidents}, "")
}

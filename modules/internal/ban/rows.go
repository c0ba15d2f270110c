package ban

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"unique"
)

const selectBans = `SELECT b.prefix, b.reason, b.source, b.created, b.expires, COALESCE(h.times, 0)
	FROM bans b LEFT JOIN ban_history h ON h.prefix = b.prefix`

// row reads one of selectBans. ok is false where there is none, and for a prefix that no version of ours writes.
func row(r interface{ Scan(...any) error }) (p netip.Prefix, e entry, ok bool, err error) {
	var prefix, reason, source string
	err = r.Scan(&prefix, &reason, &source, &e.created, &e.expires, &e.times)
	if errors.Is(err, sql.ErrNoRows) {
		return p, e, false, nil
	}
	if err != nil {
		return p, e, false, fmt.Errorf("reading a ban: %w", err)
	}
	p, err = netip.ParsePrefix(prefix)
	if err != nil || canonical(p) != p {
		return p, e, false, nil
	}
	e.reason, e.source = unique.Make(reason), unique.Make(source)
	return p, e, true, nil
}

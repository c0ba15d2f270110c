package detect

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// kind of an atom.
type kind uint8

const (
	isText   kind = iota // a value fits a pattern
	isRegexp             // a value holds what the expression finds
	isInside             // an address within a prefix
	isNumber             // a value compares with a number
	isPart               // a part of a time compares with a number
	isThere              // the field is there
	isEmpty              // it is not, or null, or an empty text: the bus writes no empty fields
	isOther              // a value compares with another field's
)

// atom is one question about a field.
type atom struct {
	field string // "": any
	kind  kind
	cased bool
	text  glass // of isText; in lower case unless cased
	expr  *regexp.Regexp
	net   netip.Prefix
	op    string // gt, gte, lt, lte, eq, neq
	num   float64
	part  string // minute, hour, day, week, month, year
	other string // of isOther
	shape shape  // how it compares with another field's
	key   string // equal for equal questions
}

// named gives a its key.
func (a *atom) named() *atom {
	what := ""
	switch a.kind {
	case isText:
		what = a.text.pat.key()
	case isRegexp:
		what = a.expr.String()
	case isInside:
		what = a.net.String()
	case isNumber, isPart:
		what = fmt.Sprintf("%s %s %g", a.part, a.op, a.num)
	case isOther:
		what = fmt.Sprintf("%d %s", a.shape, a.other)
	}
	a.key = fmt.Sprintf("%d:%s%d %t %s", len(a.field), a.field, a.kind, a.cased, what)
	return a
}

// seen is one value as atoms look at it.
type seen struct {
	ecs.Value
	low []byte // in lower case
}

// of asks about one value; not for atoms that ask whether there is one, or about another field.
func (a *atom) of(v *seen) bool {
	if v.Kind == ecs.Null {
		return false
	}
	switch a.kind {
	case isText:
		if a.cased {
			return a.text.fits([]byte(v.Text))
		}
		return a.text.fits(v.low)
	case isRegexp:
		return a.expr.MatchString(v.Text)
	case isInside:
		ip, err := netip.ParseAddr(v.Text)
		return err == nil && a.net.Contains(ip.Unmap().WithZone(""))
	case isNumber:
		n, ok := v.Number()
		return ok && compare(a.op, n, a.num)
	case isPart:
		n, ok := partOf(a.part, v.Text)
		return ok && compare(a.op, n, a.num)
	}
	return false
}

// compare holds one number to another.
func compare(op string, n, with float64) bool {
	switch op {
	case "gt":
		return n > with
	case "gte":
		return n >= with
	case "lt":
		return n < with
	case "lte":
		return n <= with
	case "neq":
		return n != with
	}
	return n == with
}

// partOf reads a part of a time as it is written: no zone is converted.
func partOf(part, text string) (float64, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, false
	}
	switch part {
	case "minute":
		return float64(t.Minute()), true
	case "hour":
		return float64(t.Hour()), true
	case "day":
		return float64(t.Day()), true
	case "week":
		_, week := t.ISOWeek()
		return float64(week), true
	case "month":
		return float64(t.Month()), true
	}
	return float64(t.Year()), true
}

// pair compares a value with another field's.
func (a *atom) pair(v, with *seen) bool {
	if v.Kind == ecs.Null || with.Kind == ecs.Null {
		return false
	}
	l, r := string(v.low), string(with.low)
	if a.cased {
		l, r = v.Text, with.Text
	}
	switch a.shape {
	case prefix:
		return strings.HasPrefix(l, r)
	case suffix:
		return strings.HasSuffix(l, r)
	case within:
		return strings.Contains(l, r)
	}
	return l == r
}

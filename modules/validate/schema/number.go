package schema

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// small reads a whole number that is written in digits alone, as nearly all are.
func small(text string) (int64, bool) {
	if len(text) > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// exact reads any number that a double holds, which bounds how long it takes.
func exact(text string) (*big.Rat, bool) {
	if !strictjson.PlainNumber(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// isWhole tells whether a number is one without a fraction, as 1.0 and 1e2 are, too.
func isWhole(text string) bool {
	if _, ok := small(text); ok || !strings.ContainsAny(text, ".eE") {
		return true
	}
	r, ok := exact(text)
	return ok && r.IsInt()
}

// check says what is wrong with a number, "" nothing.
func (n *numberRules) check(text string) string {
	if i, ok := small(text); ok && n.quick() {
		switch {
		case n.bits == 32 && (i < math.MinInt32 || i > math.MaxInt32):
			return n.bounds
		case n.min != nil && (i < n.min.whole || n.min.exclusive && i == n.min.whole):
			return n.small
		case n.max != nil && (i > n.max.whole || n.max.exclusive && i == n.max.whole):
			return n.large
		}
		return ""
	}
	r, ok := exact(text)
	if !ok {
		return "is a number that not every reader can hold"
	}
	return n.slowly(r)
}

// quick tells whether whole numbers are enough to compare with.
func (n *numberRules) quick() bool {
	return n.multiple == nil && (n.min == nil || n.min.small) && (n.max == nil || n.max.small)
}

func (n *numberRules) slowly(r *big.Rat) string {
	if n.bits != 0 && (!r.IsInt() || !r.Num().IsInt64() || n.bits == 32 && r.Num().Int64() != int64(int32(r.Num().Int64()))) {
		return n.bounds
	}
	if n.min != nil {
		if c := r.Cmp(n.min.exact); c < 0 || c == 0 && n.min.exclusive {
			return n.small
		}
	}
	if n.max != nil {
		if c := r.Cmp(n.max.exact); c > 0 || c == 0 && n.max.exclusive {
			return n.large
		}
	}
	if n.multiple != nil && !new(big.Rat).Quo(r, n.multiple).IsInt() {
		return n.notMultiple
	}
	return ""
}

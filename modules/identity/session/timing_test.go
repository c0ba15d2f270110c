package session

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/internal/database"
)

// unthrottled lets a test try as often as it likes.
var unthrottled = func() Throttles {
	r := throttle.Rule{Free: 10_000, First: time.Second, Longest: time.Second}
	return Throttles{Client: r, Account: r, Pair: r, Device: r, Challenge: 10_000}
}()

// hashing gives the node passwords that cost so much.
func (n *node) hashing(p account.Params) *account.Hasher {
	n.t.Helper()
	h, err := account.NewHasher(p)
	if err != nil {
		n.t.Fatal(err)
	}
	n.hasher, n.Accounts = h, account.NewStore(n.DB, n.Keys, h)
	return h
}

// How long a wrong login takes tells nothing of why it is wrong: whether the name exists, the account is disabled, or an address was typed.
//
// Rounds of one login of each kind, in random order, so that whatever else the machine does falls on all alike. Two kinds are compared by the chance
// that one takes longer than the other (Mann-Whitney's U by the number of pairs): one half where they are alike, with a standard deviation of
// 0.046 here. The control, a login that computes no hash, shows that a difference would be seen.
func TestWrongLoginsTakeTheSameTime(t *testing.T) {
	n := newSQLiteNode(t)
	n.Throttles = unthrottled
	h := n.hashing(account.Params{Memory: 8192, Time: 1, Threads: 1})
	n.person("ursula", false)
	n.person("mallory", false)
	n.person("dora", false)
	dora, _ := n.Accounts.ByName(ctx, "dora")
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.SetDisabled(ctx, tx, dora.ID, true) }); err != nil {
		t.Fatal(err)
	}
	own := n.loginFrom(from("mallory", "")).Device // with a device of the own, somebody looks at others' names
	try := func(name, password, device string) func() {
		a := from(name, device)
		a.Password = password
		return func() {
			if _, err := n.Login(ctx, a); err != ErrCredentials {
				t.Error(name, err)
			}
		}
	}
	const wrong = "wrong-wrong-wrong"
	kinds := map[string]func(){
		"known":             try("ursula", wrong, ""),
		"unknown":           try("nobody", wrong, ""),
		"disabled":          try("dora", password, ""),
		"unknown address":   try("nobody@example.org", wrong, ""),
		"no possible name":  try("../../etc", wrong, ""),
		"known, a device":   try("ursula", wrong, own),
		"unknown, a device": try("nobody", wrong, own),
		"control: no hash":  func() { _, _ = n.Accounts.ByLogin(ctx, "ursula") },
	}
	names := []string{}
	for name, f := range kinds {
		before := h.Calls()
		f()
		if calls := h.Calls() - before; calls != 1 && name != "control: no hash" {
			t.Errorf("%s: %d hashes, want 1", name, calls)
		}
		names = append(names, name)
	}
	pairs := [][2]string{
		{"known", "unknown"}, {"known", "disabled"}, {"known", "unknown address"}, {"known", "no possible name"}, {"known, a device", "unknown, a device"},
	}
	const rounds, bound = 80, 0.2
	for attempt := 1; ; attempt++ {
		took := map[string][]time.Duration{}
		for range rounds {
			rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for _, name := range names {
				began := time.Now()
				kinds[name]()
				took[name] = append(took[name], time.Since(began))
			}
		}
		control := longer(took["known"], took["control: no hash"])
		t.Logf("known and control: %.2f", control)
		alike := control > 1-bound
		for _, p := range pairs {
			u := longer(took[p[0]], took[p[1]])
			t.Logf("%s %v, %s %v: %.2f", p[0], median(took[p[0]]), p[1], median(took[p[1]]), u)
			alike = alike && math.Abs(u-0.5) < bound
		}
		if alike {
			return
		}
		if attempt == 3 { // a machine's hiccup does not come three times
			t.Fatal("the time of a wrong login tells what was wrong")
		}
	}
}

// longer is the chance that one of a takes longer than one of b.
func longer(a, b []time.Duration) float64 {
	n := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				n++
			case x == y:
				n += 0.5
			}
		}
	}
	return n / float64(len(a)*len(b))
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2].Round(10 * time.Microsecond)
}

// A hundred logins at once, of known and unknown names, need the memory of a few.
func TestMemoryOfParallelLogins(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as gateways run
	n := newSQLiteNode(t)
	h := n.hashing(account.DefaultParams)
	n.person("ursula", false)
	runtime.GC()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	calls := h.Calls()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			a := attempt("ursula")
			a.Client.IP = netip.MustParseAddr(address(i))
			if i%2 == 0 {
				a.Username = fmt.Sprint("nobody", i)
			}
			if _, err := n.Login(ctx, a); (err == nil) != (i%2 == 1) {
				t.Error(i, err)
			}
		})
	}
	wg.Wait()
	close(stop)
	most := <-peak
	if calls = h.Calls() - calls; calls != 100 {
		t.Errorf("%d hashes", calls)
	}
	one := uint64(account.DefaultParams.Memory) << 10
	limit := before + 4*uint64(runtime.GOMAXPROCS(0))*one + 64<<20 // what is computed, as much again that is not yet collected, twice over
	t.Logf("%d MiB before, %d at most; a hundred hashes would be %d", before>>20, most>>20, 100*one>>20)
	if most > limit {
		t.Errorf("%d MiB at most, want under %d", most>>20, limit>>20)
	}
}

package waf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/waf/screen"
	"github.com/convosphere/gateway/modules/waf/seclang"
)

// ruleSet is compiled rules, shared by all handlers, and all configurations in turn, that ask for the same. It is
// closed when no handler and no request uses it any more.
type ruleSet struct {
	key    string
	waf    experimental.WAFWithOptions
	count  int
	ids    map[int]string // the rules that were read, and their messages, whose macros are not filled in
	screen *screen.Screen // nil: every rule is run on every request
	opaque error          // why there is no screen
	refs   atomic.Int64   // the pool's one, and one for each transaction
	once   sync.Once
}

// Compiled sets by the digest of their text and of every file they read. What a text last read is remembered, so that
// the digest of the files as they are now is known before they are compiled again.
var (
	pool   = caddy.NewUsagePool()
	loadMu sync.Mutex
	read   = map[string][]dependency{} // by digest of the text; one entry for each distinct configuration of this process
)

// loadRules returns the rules of the text, and whether a loaded set was joined. Each success needs one unload.
func loadRules(text string) (rules *ruleSet, reused bool, err error) {
	loadMu.Lock()
	defer loadMu.Unlock()
	sum := sha256.Sum256([]byte(text))
	base := hex.EncodeToString(sum[:])
	if deps, known := read[base]; known && !changed(deps) {
		// The pool has it, unless the last user has left since; then it is compiled as if new.
		key := digest(base, deps)
		v, loaded, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) {
			set, _, err := compile(text)
			if err != nil {
				return nil, err
			}
			set.key = key
			return set, nil
		})
		if err != nil {
			return nil, false, err
		}
		return v.(*ruleSet), loaded, nil
	}
	set, deps, err := compile(text)
	if err != nil {
		return nil, false, err
	}
	set.key = digest(base, deps)
	read[base] = deps
	v, loaded, err := pool.LoadOrNew(set.key, func() (caddy.Destructor, error) { return set, nil })
	if err != nil {
		return nil, false, err
	}
	if loaded { // files that were changed and changed back
		return v.(*ruleSet), true, set.Destruct()
	}
	return set, false, nil
}

func digest(base string, deps []dependency) string {
	h := sha256.New()
	for _, d := range deps {
		fmt.Fprintf(h, "%d:%s%t", len(d.name), d.name, d.glob)
		h.Write(d.sum[:])
	}
	return base + hex.EncodeToString(h.Sum(nil))
}

// filesRevision names what the files that the text reads hold now: the first 12 digits of a digest.
func filesRevision(text string) (string, error) {
	loadMu.Lock()
	defer loadMu.Unlock()
	set, deps, err := compile(text)
	if err != nil {
		return "", err
	}
	return digest("", deps)[:12], set.Destruct()
}

func compile(text string) (*ruleSet, []dependency, error) {
	files, seen := new(rulesFS), new(compiled)
	config := experimental.WAFConfigWithRuleObserver(coraza.NewWAFConfig().WithRootFS(files), seen.observe)
	waf, err := coraza.NewWAF(config.WithDirectives(text))
	if err != nil {
		return nil, nil, located(text, err)
	}
	w, ok := waf.(experimental.WAFWithOptions)
	if !ok {
		return nil, nil, errors.New("coraza gives no transactions with options")
	}
	set := &ruleSet{waf: w, ids: seen.messages()}
	if n, ok := waf.(experimental.WAFWithRules); ok {
		set.count = n.RulesCount()
	}
	program, err := seclang.Parse(text, files.again())
	if err != nil {
		set.opaque = err
	} else if err := runnable(program); err != nil {
		return nil, nil, errors.Join(err, set.close())
	} else {
		set.screen, set.opaque = seen.screen(program, files.again(), set.count)
	}
	set.refs.Store(1)
	ruleSets.Inc()
	if len(files.seen) > 0 {
		// Coraza caches what it compiles of a data file by its path alone, for all sets: an edited file would act only once every
		// older set is closed. Closing forgets the cache and nothing that this set uses.
		if err := set.close(); err != nil {
			return nil, nil, err
		}
	}
	return set, files.seen, nil
}

// begin starts a transaction, which keeps the rules until end.
func (s *ruleSet) begin(o experimental.Options) types.Transaction {
	s.refs.Add(1)
	return s.waf.NewTransactionWithOptions(o)
}

// end closes a transaction and its files.
func (s *ruleSet) end(tx types.Transaction) error {
	return errors.Join(tx.Close(), s.release())
}

func (s *ruleSet) release() (err error) {
	if s.refs.Add(-1) == 0 {
		// Once: a request that a reload overtook may begin a transaction on a closed set, which is safe, and end it.
		s.once.Do(func() {
			ruleSets.Dec()
			err = s.close()
		})
	}
	return err
}

// close gives Coraza's cached expressions back; Coraza lets it be called again. Transactions hold what they use.
func (s *ruleSet) close() error {
	if c, ok := s.waf.(experimental.WAFCloser); ok {
		return c.Close()
	}
	return nil
}

// unload is the counterpart of loadRules.
func (s *ruleSet) unload() error {
	_, err := pool.Delete(s.key)
	return err
}

// Destruct implements caddy.Destructor: the pool lets go.
func (s *ruleSet) Destruct() error { return s.release() }

package host

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"

	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/internal/trial"
)

const (
	defaultKeep    = 7 * 24 * time.Hour
	leastKeep      = time.Hour
	mostKeep       = 366 * 24 * time.Hour
	defaultMaxSize = 256 << 20
	leastMaxSize   = 1 << 20
)

// Retention says how much of what is captured stays.
type Retention struct {
	// How long, default 7 days.
	Keep caddy.Duration `json:"keep,omitempty"`

	// The most bytes of disk; default 256 MiB. The oldest go first.
	MaxSize int64 `json:"max_size,omitempty"`
}

// Filled is r with defaults.
func (r Retention) Filled() Retention {
	if r.Keep == 0 {
		r.Keep = caddy.Duration(defaultKeep)
	}
	if r.MaxSize == 0 {
		r.MaxSize = defaultMaxSize
	}
	return r
}

// Validate says what of r can't be.
func (r Retention) Validate() error {
	switch r = r.Filled(); {
	case time.Duration(r.Keep) < leastKeep || time.Duration(r.Keep) > mostKeep:
		return fmt.Errorf("capture: keep %s: it is 1h to 366d", time.Duration(r.Keep))
	case r.MaxSize < leastMaxSize:
		return fmt.Errorf("capture: max_size %d: it is at least 1MiB", r.MaxSize)
	}
	return nil
}

// Parse reads the subdirective keep or max_size.
func (r *Retention) Parse(name, value string) error {
	switch name {
	case "keep":
		t, err := caddy.ParseDuration(value)
		if err != nil || t < leastKeep {
			return fmt.Errorf("capture: keep %q: it is a duration as 7d, at least 1h", value)
		}
		r.Keep = caddy.Duration(t)
	case "max_size":
		n, err := humanize.ParseBytes(value)
		if err != nil || n < leastMaxSize || n > 1<<50 {
			return fmt.Errorf("capture: max_size %q: it is a size as 256MiB, at least 1MiB", value)
		}
		r.MaxSize = int64(n)
	default:
		return errors.New("capture: " + name + " is neither keep nor max_size")
	}
	return nil
}

// ParsePercent reads "all", or a percentage above 0 as "5%".
func ParsePercent(arg string) (percent float64, ok bool) {
	if arg == "all" {
		return 100, true
	}
	number, ok := strings.CutSuffix(arg, "%")
	p, err := strconv.ParseFloat(number, 64)
	return p, ok && err == nil && p > 0 && p <= 100
}

// CheckPercent says no to what is no share of what there is. 0 is none.
func CheckPercent(p float64) error {
	if !(p >= 0 && p <= 100) {
		return fmt.Errorf("capture: sample %g%%: it is above 0%% and at most 100%%", p)
	}
	return nil
}

// Chosen tells, once for each, whether it is in the sample.
func Chosen(percent float64) bool {
	return percent >= 100 || percent > 0 && rand.Float64()*100 < percent
}

// writers are shared by the modules, and the configurations in turn, that capture alike into one folder with the same keys.
var writers = caddy.NewUsagePool()

type writerKey struct {
	dir, kind string
	keys      records.Sealer
	keep      time.Duration
	size      int64
}

type pooledWriter struct{ *records.Writer }

// Destruct implements caddy.Destructor.
func (w pooledWriter) Destruct() error { return w.Close() }

// Records takes a writer of these options, opened for the first who asks. release gives it back.
func Records(o records.Options) (w *records.Writer, release func() error, err error) {
	key := writerKey{o.Dir, o.Kind, o.Keys, o.Keep, o.Size}
	o.Trial = trial.On()
	v, _, err := writers.LoadOrNew(key, func() (caddy.Destructor, error) {
		w, err := records.Open(o)
		if err != nil {
			return nil, err
		}
		return pooledWriter{w}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return v.(pooledWriter).Writer, func() error {
		_, err := writers.Delete(key)
		return err
	}, nil
}

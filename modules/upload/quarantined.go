package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/upload/quarantine"
)

// Quarantine says what is kept of what is refused.
type Quarantine struct {
	// How long, default 7 days.
	Keep caddy.Duration `json:"keep,omitempty"`
	// The most bytes of disk of this gateway; default 1 GiB. A full quarantine takes nothing more.
	MaxSize int64 `json:"max_size,omitempty"`
	// The longest file that is kept; default 64 MiB.
	MaxFile int64 `json:"max_file,omitempty"`
	// What is kept: "all" (default) files that are refused, or those in which the scanner found "malware".
	Of string `json:"of,omitempty"`
}

const mostKept = 256 << 20 // an admin's export of one file goes through memory

func (q *Quarantine) validate() error {
	switch {
	case q == nil:
		return nil
	case q.Keep != 0 && (time.Duration(q.Keep) < time.Hour || time.Duration(q.Keep) > 366*24*time.Hour):
		return fmt.Errorf("quarantine: keep %s: it is 1h to 366d", time.Duration(q.Keep))
	case q.MaxFile < 0 || q.MaxFile > mostKept:
		return fmt.Errorf("quarantine: max_file %d: it is up to 256 MiB", q.MaxFile)
	case q.MaxSize < 0 || q.MaxSize > 0 && q.MaxSize < max(q.MaxFile, 1<<20):
		return fmt.Errorf("quarantine: max_size %d: it is at least 1 MiB, and no less than max_file", q.MaxSize)
	case !slices.Contains([]string{"", All, malware}, q.Of):
		return fmt.Errorf("quarantine: of %q: it is all or malware", q.Of)
	}
	return nil
}

// quarantineDir is where a gateway's files are.
func quarantineDir(dataDir string) string { return filepath.Join(dataDir, "quarantine") }

// sweepEvery is how often expired files are looked for.
const sweepEvery = time.Minute

// books are shared by the configurations, in turn, that keep alike: one sweeps.
var books = caddy.NewUsagePool()

type bookKey struct {
	dir  string
	db   *database.DB
	keys *keyring.Ring
	Quarantine
}

// sweptBook is a book and what sweeps it.
type sweptBook struct {
	*quarantine.Book
	cancel context.CancelFunc
	done   chan struct{}
}

// Destruct implements caddy.Destructor.
func (b *sweptBook) Destruct() error {
	b.cancel()
	<-b.done
	return nil
}

// openQuarantine opens it also where nothing is to be kept: what was kept before expires, and what was released passes.
func (h *Handler) openQuarantine(ctx caddy.Context) error {
	if h.ground == nil {
		return nil
	}
	key := bookKey{dir: quarantineDir(h.ground.DataDir), db: h.ground.DB, keys: h.ground.Keys}
	if h.Quarantine != nil {
		key.Quarantine = *h.Quarantine
	}
	v, _, err := books.LoadOrNew(key, func() (caddy.Destructor, error) {
		logger := caddy.Log().Named("gw_upload") // the book outlives this configuration
		o := bookOptions(h.ground)
		o.Keep, o.Total, o.File = time.Duration(key.Keep), key.MaxSize, key.MaxFile
		o.Error = func(err error) { logger.Error("sweeping the quarantine", zap.Error(err)) }
		b, err := quarantine.Open(o)
		if err != nil {
			return nil, err
		}
		run, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s := &sweptBook{b, cancel, make(chan struct{})}
		go func() {
			defer close(s.done)
			b.Run(run, sweepEvery)
		}()
		return s, nil
	})
	if err != nil {
		return err
	}
	h.book = v.(*sweptBook).Book
	h.release = append(h.release, func() error {
		_, err := books.Delete(key)
		return err
	})
	return nil
}

func bookOptions(g *ground.Ground) quarantine.Options {
	return quarantine.Options{Dir: quarantineDir(g.DataDir), DB: g.DB, Keys: g.Keys}
}

// keep puts a refused file into quarantine, where it is to be kept, and tells its id. It fails open in one sense only: a file that can't be kept
// is refused all the same.
func (h *Handler) keep(ctx context.Context, rc *reqctx.Request, f finding, name string, content io.ReaderAt, size int64) (id string) {
	q := h.Quarantine
	if q == nil || h.book == nil || q.Of == malware && f.signature == "" {
		return ""
	}
	ctx, cancel := background(ctx, keepTime) // also where the client has gone
	defer cancel()
	i := quarantine.Item{Size: size, Type: f.kind, Rules: f.rules, Signature: f.signature, Route: rc.Route, Request: rc.ID, Name: name}
	if rc.Identity != nil {
		i.Account = rc.Identity.Subject
	}
	i, err := h.book.Put(ctx, i, content)
	switch {
	case err == nil:
		kept.WithLabelValues("kept").Inc()
	case errors.Is(err, quarantine.ErrFull):
		kept.WithLabelValues("full").Inc()
	case errors.Is(err, quarantine.ErrTooLong):
		kept.WithLabelValues("too_long").Inc()
	default:
		kept.WithLabelValues("failed").Inc()
		h.logger.Error("keeping a refused upload", zap.Error(err), zap.String("request_id", rc.ID))
	}
	return i.ID
}

const keepTime = 30 * time.Second

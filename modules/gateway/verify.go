package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
)

// longestVerification ends one that hangs.
const longestVerification = 6 * time.Hour

var errVerifying = errors.New("the log is being verified already")

// verifier compares the audit log with what was signed, one at a time, beside all else: it works as long as it rests. It outlives configurations, with what it found.
type verifier struct {
	g   *ground.Ground // of the configuration that opened it: its log, database and keys are those of all that share it
	dir string

	ends    context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	now  time.Time // since when it runs; zero: it does not
	last verified
}

// verified is what came of a verification.
type verified struct {
	Began, Ended time.Time // zero: there was none yet
	Report       *auditlog.Report
	Err          error // it could not
}

func newVerifier(dir string, g *ground.Ground) *verifier {
	v := &verifier{dir: dir, g: g}
	v.ends, v.end = context.WithCancel(context.Background()) // until close
	return v
}

func (v *verifier) close() error {
	v.end()
	v.running.Wait()
	return nil
}

// start begins a verification. Errors: errVerifying.
func (v *verifier) start() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.now.IsZero() {
		return errVerifying
	}
	if v.ends.Err() != nil {
		return v.ends.Err()
	}
	v.now = time.Now()
	v.running.Go(v.run)
	return nil
}

// status is since when it runs, zero where it does not, and what the last one found.
func (v *verifier) status() (since time.Time, last verified) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now, v.last
}

func (v *verifier) run() {
	ctx, cancel := context.WithTimeout(v.ends, longestVerification)
	defer cancel()
	report, err := v.verify(ctx)
	v.mu.Lock()
	v.last = verified{Began: v.now, Ended: time.Now(), Report: report, Err: err}
	v.now = time.Time{}
	last := v.last
	v.mu.Unlock()
	if v.ends.Err() == nil {
		v.tell(last)
	}
}

func (v *verifier) verify(ctx context.Context) (*auditlog.Report, error) {
	f, err := auditlog.OpenFolder(v.dir, v.g.Keys, "")
	if err != nil {
		return nil, err
	}
	head, err := auditlog.Head(ctx, v.g.DB, f.Origin)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	return auditlog.VerifyAside(f, func() error {
		worked := time.Since(began)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(worked):
		}
		began = time.Now()
		return nil
	}, auditlog.Told{From: "the database", Note: head})
}

func (v *verifier) tell(last verified) {
	e := &event.Event{Category: "configuration", Action: "audit-verified", Outcome: event.Success, Reason: "all of it is what was signed"}
	switch {
	case last.Err != nil:
		e.Outcome, e.Reason = event.Unknown, "the log could not be read"
	case len(last.Report.Findings) > 0:
		e.Outcome, e.Reason = event.Failure, "the log is not what was signed"
	}
	if last.Report != nil {
		e.Fields = []zap.Field{zap.Int64("gateway.audit.size", last.Report.Size), zap.Int("gateway.audit.findings", len(last.Report.Findings)+last.Report.More)}
	}
	v.g.Events.Emit(e)
}

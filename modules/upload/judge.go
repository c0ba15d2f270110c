package upload

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/upload/clamd"
	"github.com/convosphere/gateway/modules/upload/inspect"
	"github.com/convosphere/gateway/modules/upload/spool"
)

// rule is a set of rules, ready for use.
type rule struct {
	Rules
	raw, off bool
	checker  *inspect.Checker
}

func (h *Handler) rule(r Rules) (*rule, error) {
	r.MaxFile = cmp.Or(r.MaxFile, r.MaxSize)
	l := r.limits()
	l.Spool = func(ctx context.Context) (inspect.Spool, error) {
		client, _ := ctx.Value(sender{}).(string)
		return h.spool.New(client) // what an archive unpacks to takes the room of who sent it, or one client's archives would keep out all others'
	}
	c, err := inspect.New(l)
	return &rule{Rules: r, checker: c}, err
}

// sender is the key of a context's value: the client whose file is looked at, as the spool knows it.
type sender struct{}

// finding is what is wrong with a file, or with a whole body.
type finding struct {
	rules     []string // each one of findings
	refuses   bool
	kind      string // the type by content; "" not known
	signature string
	sum       string          // SHA-256 in hex, of a file that would be refused
	file      *file           // what it is of; nil: a whole body
	patches   []inspect.Patch // what must be taken out of a file that passes
}

// note adds a rule.
func (f *finding) note(r Rules, rule string) {
	f.rules = append(f.rules, rule)
	f.refuses = f.refuses || r.refuses(rule)
}

// whole is what is wrong with a body, so that no file of it was looked at.
func whole(r Rules, rule string) finding {
	var f finding
	f.note(r, rule)
	return f
}

// file is one that is to be looked at.
type file struct {
	client         string // whose it is
	name, declared string
	offset         int64 // in the body
	content        io.ReaderAt
	size           int64
}

// errScanner says that a file could not be scanned.
var errScanner = errors.New("the upload can't be scanned")

// judge looks at one file. An error means that nothing is known of it: it must not pass.
func (h *Handler) judge(ctx context.Context, r *rule, f file) (finding, error) {
	var v finding
	if f.size > r.MaxFile {
		v.note(r.Rules, tooLarge)
		return v, nil
	}
	start := time.Now()
	kind, seen, err := r.checker.Check(context.WithValue(ctx, sender{}, f.client), inspect.File{Name: f.name, Declared: f.declared, Size: f.size, Content: f.content})
	phases.WithLabelValues("inspect").Observe(time.Since(start).Seconds())
	if err != nil {
		return v, fmt.Errorf("inspecting an upload: %w", err)
	}
	v.kind = kind
	for _, s := range seen {
		v.rules = append(v.rules, string(s.Rule))
		v.refuses = v.refuses || r.refusesSeen(s)
	}
	if !v.refuses { // what is refused anyway is not for the scanner to unpack
		if err := h.scan(ctx, r, f, &v); err != nil {
			return v, err
		}
	}
	if !v.refuses && r.StripLocation {
		if err := v.strip(ctx, r, f); err != nil {
			return v, err
		}
	}
	if v.refuses {
		return v, h.pardon(ctx, f, &v)
	}
	return v, nil
}

// strip finds what tells where a picture was made.
func (v *finding) strip(ctx context.Context, r *rule, f file) (err error) {
	v.patches, err = inspect.Location(ctx, inspect.File{Name: f.name, Declared: f.declared, Size: f.size, Content: f.content}, v.kind)
	if errors.Is(err, inspect.ErrLocation) {
		v.note(r.Rules, location)
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking where a picture was made: %w", err)
	}
	for i := range v.patches {
		v.patches[i].Off += f.offset
	}
	return nil
}

// scan has the scanner look at a file.
func (h *Handler) scan(ctx context.Context, r *rule, f file, v *finding) error {
	if h.scanner == nil || f.size == 0 {
		return nil
	}
	start := time.Now()
	ended := reqctx.Span(ctx, "virus scan")
	verdict, err := h.scanner.Scan(ctx, f.content, f.size)
	ended(err)
	phases.WithLabelValues("scan").Observe(time.Since(start).Seconds())
	switch {
	case err == nil && verdict.Signature == "":
		scans.WithLabelValues("clean").Inc()
	case err == nil:
		scans.WithLabelValues("found").Inc()
		v.signature = verdict.Signature
		v.note(r.Rules, malware)
	case errors.Is(err, clamd.ErrTooLong):
		scans.WithLabelValues("too_long").Inc()
		v.note(r.Rules, unscanned)
	case errors.Is(err, clamd.ErrDown), errors.Is(err, clamd.ErrBusy):
		label := "down"
		if errors.Is(err, clamd.ErrBusy) {
			label = "busy"
		}
		scans.WithLabelValues(label).Inc()
		if h.scanner.open {
			return nil // fail open, as the operator has chosen
		}
		return fmt.Errorf("%w: %w", errScanner, err) // fail closed
	default:
		return err
	}
	return nil
}

// pardon lets a file pass that an operator has released.
func (h *Handler) pardon(ctx context.Context, f file, v *finding) error {
	if h.book == nil {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f.content, 0, f.size)); err != nil {
		return fmt.Errorf("hashing an upload: %w", err)
	}
	v.sum = hex.EncodeToString(sum.Sum(nil))
	released, err := h.book.IsAllowed(ctx, v.sum)
	if err != nil {
		h.logger.Error("a refused upload stays refused: " + err.Error()) // fail closed
		return nil
	}
	v.refuses = !released
	return nil
}

// looks bounds how many uploads are looked at at one time, for the whole process: half of them may be one client's.
var looks = sync.OnceValue(func() *gate.Gate { return gate.New(int64(4 * max(runtime.GOMAXPROCS(0), 2))) })

// lookPatience is how long an upload waits for its turn.
const lookPatience = 10 * time.Second

// noRoom tells the errors that pass by themselves: the same upload may pass later.
func noRoom(err error) bool {
	for _, e := range []error{spool.ErrFull, spool.ErrShare, spool.ErrNoDisk, gate.ErrBusy, gate.ErrClient, errScanner} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

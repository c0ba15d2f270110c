package waf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/waf/capture"
)

// Which requests are captured for what the rules said of them.
const (
	SampleBlocked  = "blocked"  // those that were refused as attacks
	SampleDetected = "detected" // those and all others that a rule hit
)

const mostCaptured = 1 << 20 // bytes of a body; a longer one is mostly files, which the rules don't match

// Capture keeps whole requests, encrypted, for `convosphere waf replay`.
type Capture struct {
	// Which requests by their verdict: "blocked", "detected" (which includes those), or "" for none. Default, where percent is none too: "detected".
	Verdict string `json:"verdict,omitempty"`

	// How many of all other requests, in percent.
	Percent float64 `json:"percent,omitempty"`

	host.Retention
}

func (c Capture) filled() Capture {
	if c.Verdict == "" && c.Percent == 0 {
		c.Verdict = SampleDetected
	}
	c.Retention = c.Retention.Filled()
	return c
}

func (c Capture) validate() error {
	c = c.filled()
	if c.Verdict != "" && c.Verdict != SampleBlocked && c.Verdict != SampleDetected {
		return fmt.Errorf("capture: sample %q: it is blocked, detected, all or a percentage", c.Verdict)
	}
	return errors.Join(host.CheckPercent(c.Percent), c.Retention.Validate())
}

// wants tells whether a request with this verdict is kept.
func (c Capture) wants(label string) bool {
	switch {
	case c.Verdict != "" && label == blocked, c.Verdict == SampleDetected && label == detected:
		return true
	}
	return host.Chosen(c.Percent)
}

// parseCapture reads, at the sub-directive's name:
//
//	capture {
//		sample   all | [blocked|detected] [<number>%]   # detected
//		keep     <duration>                             # 7d
//		max_size <size>                                 # 256MiB
//	}
func (h *Handler) parseCapture(d *caddyfile.Dispenser, args []string) error {
	if h.Capture != nil {
		return d.Err("capture is given twice")
	}
	if len(args) > 0 {
		return written(d, "capture")
	}
	c, seen := new(Capture), map[string]bool{}
	for d.NextBlock(1) {
		name, args := d.Val(), d.RemainingArgs()
		if seen[name] {
			return d.Errf("capture: %s is given twice", name)
		}
		seen[name] = true
		if known := name == "sample" || name == "keep" || name == "max_size"; known && (len(args) == 0 || len(args) > 1 && (name != "sample" || len(args) > 2)) {
			return written(d, "capture")
		}
		switch name {
		case "sample":
			for _, a := range args {
				if err := c.sample(a); err != nil {
					return d.WrapErr(err)
				}
			}
		case "keep", "max_size":
			if err := c.Parse(name, args[0]); err != nil {
				return d.WrapErr(err)
			}
		default:
			return d.Errf("capture: unknown subdirective %q: it knows sample, keep and max_size", name)
		}
		if d.NextBlock(2) {
			return d.Errf("capture: %s takes no block", name)
		}
	}
	if err := c.validate(); err != nil {
		return d.WrapErr(err)
	}
	h.Capture = c
	return nil
}

func (c *Capture) sample(arg string) error {
	bad := fmt.Errorf("capture: sample %q: it is all, blocked, detected, or a percentage as 5%%", arg)
	switch arg {
	case SampleBlocked, SampleDetected:
		if c.Verdict != "" {
			return bad
		}
		c.Verdict = arg
		return nil
	}
	p, ok := host.ParsePercent(arg)
	if !ok || c.Percent != 0 {
		return bad
	}
	c.Percent = p
	return nil
}

// recorder is a handler's hold on a writer.
type recorder struct {
	config  Capture
	writer  *records.Writer
	release func() error
	secrets capture.Secrets
}

// captureFolder is where the captures of a gateway are.
func captureFolder(dataDir string) string { return filepath.Join(dataDir, "waf", "captures") }

// openCapture finds where captures go. It needs the gateway's keys.
func (h *Handler) openCapture(ctx caddy.Context) error {
	if h.Capture == nil {
		return nil
	}
	g, err := host.Ground(ctx)
	if err != nil {
		return fmt.Errorf("gw_waf: capture: %w", err)
	}
	if err := metrics.Register(ctx.GetMetricsRegistry(), captured); err != nil {
		return err
	}
	c, logger := h.Capture.filled(), h.logger
	w, release, err := host.Records(capture.Options(records.Options{
		Dir: captureFolder(g.DataDir), Keys: g.Keys, Keep: time.Duration(c.Keep), Size: c.MaxSize,
		Error: func(err error) { logger.Error("capturing requests", zap.Error(err)) },
		Done:  countCaptured,
	}))
	if err != nil {
		return fmt.Errorf("gw_waf: capture: %w", err)
	}
	h.recorder = &recorder{config: c, writer: w, release: release, secrets: h.secrets()}
	return nil
}

// closeCapture is the counterpart of openCapture.
func (h *Handler) closeCapture() error {
	if h.recorder == nil {
		return nil
	}
	return h.recorder.release()
}

// secrets are the fields that the rules must not see, and the gateway's own cookies.
func (h *Handler) secrets() capture.Secrets {
	type part struct {
		at    *regexp.Regexp // nil: everywhere
		names []string
	}
	var parts []part
	for _, x := range slices.Concat(passwords, h.Exclusions) {
		if !slices.Equal(x.Rules, fieldRules) {
			continue
		}
		var p part
		if len(x.At) > 0 {
			p.at = regexp.MustCompile(expressionOf(x.At)) // valid, or the configuration was not
		}
		for _, v := range x.On {
			if name, ok := strings.CutPrefix(v, "ARGS:"); ok {
				p.names = append(p.names, name)
			}
		}
		parts = append(parts, p)
	}
	return capture.Secrets{Cookies: tokenCookies, Fields: func(path string) (names []string) {
		for _, p := range parts {
			if p.at == nil || p.at.MatchString(path) {
				names = append(names, p.names...)
			}
		}
		return names
	}}
}

// record captures an inspected request, if it is one to keep. It fails open: what can't be kept is counted as dropped.
func (h *Handler) record(x *exchange, r *http.Request, rc *reqctx.Request) {
	if h.recorder == nil || x.tx == nil && !x.clean || x.unseen || x.label == failed || !h.recorder.config.wants(x.label) {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			countCaptured(false)
			h.logger.Error("capturing a request", zap.Any("panic", p), zap.String("request_id", rc.ID), zap.ByteString("stack", debug.Stack()))
		}
	}()
	rec := recordOf(r, rc)
	rec.Verdict = capture.Verdict{Mode: h.Mode, Paranoia: h.Paranoia, Status: x.status}
	if v := rc.Verdict; v != nil {
		rec.Verdict.Blocked, rec.Verdict.Rules, rec.Verdict.Score = v.Blocked, v.Rules, v.Score
	}
	rec.Body, rec.Missing = x.captured(r)
	h.recorder.secrets.Strip(rec)
	if !h.recorder.writer.Put(rec) {
		countCaptured(false)
	}
}

func recordOf(r *http.Request, rc *reqctx.Request) *capture.Record {
	rec := &capture.Record{
		Time: rc.Start.UTC(), ID: rc.ID, Remote: r.RemoteAddr, Method: r.Method, URI: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Length: r.ContentLength, Chunked: len(r.TransferEncoding) > 0,
	}
	if rec.URI == "" {
		rec.URI = r.URL.RequestURI()
	}
	if rc.Client.IP.IsValid() {
		rec.Remote = rc.Client.IP.String()
	}
	for name, values := range r.Header {
		for _, v := range values {
			rec.Headers = append(rec.Headers, [2]string{name, v})
		}
	}
	slices.SortStableFunc(rec.Headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) }) // a map has no order to keep
	return rec
}

// captured is what the rules saw of the body, and why that is not all of it.
func (x *exchange) captured(r *http.Request) (body []byte, missing string) {
	switch {
	case x.clean:
		return x.kept, "" // at most memoryLimit
	case !hasBody(r) && !x.read:
		return nil, ""
	case !x.read:
		return nil, "the headers were refused before the body was read"
	case x.cut:
		missing = "it was refused before its end"
	case x.body != nil && x.body.more:
		missing = "what is over the limit was not inspected"
	}
	reader, err := x.tx.RequestBodyReader()
	if err != nil {
		return nil, "it could not be read again"
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(reader, mostCaptured+1))
	switch {
	case err != nil:
		return nil, "it could not be read again"
	case n > mostCaptured:
		return nil, "it is longer than is captured"
	}
	return b.Bytes(), missing
}

// addressOf is the address of "192.0.2.1:4711" or "192.0.2.1", zero of anything else.
func addressOf(remote string) netip.Addr {
	if a, err := netip.ParseAddrPort(remote); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	a, _ := netip.ParseAddr(remote)
	return a.Unmap().WithZone("")
}

var captured = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_waf_captured_total", Help: "Requests to be captured, by result: written, dropped (no room in the queue, or the disk refused).",
}, []string{"result"})

func countCaptured(ok bool) {
	if ok {
		captured.WithLabelValues("written").Inc()
	} else {
		captured.WithLabelValues("dropped").Inc()
	}
}

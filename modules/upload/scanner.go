package upload

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/upload/clamd"
)

// What happens to uploads that can't be scanned.
const (
	Closed = "closed" // they are refused
	Open   = "open"   // they pass
)

// Scanner is a ClamAV daemon.
type Scanner struct {
	// tcp://HOST:PORT or unix:///PATH
	Address string `json:"address"`
	// How many files it scans at one time; default 8.
	Connections int `json:"connections,omitempty"`
	// How long it may take for a file, and a second more for each MiB; default 30s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// How long an upload waits for a connection; default 5s.
	QueueTimeout caddy.Duration `json:"queue_timeout,omitempty"`
	// The longest file that it scans whole; default 25 MiB. No more than the least of its own StreamMaxLength, MaxFileSize and MaxScanSize.
	MaxFile int64 `json:"max_file,omitempty"`
	// What happens to uploads while it does not answer: "closed" (default) refuses them, "open" lets them pass.
	OnFailure string `json:"on_failure,omitempty"`
}

func (s *Scanner) validate() error {
	if s == nil {
		return nil
	}
	if _, _, err := clamd.ParseAddress(s.Address); err != nil {
		return err
	}
	switch {
	case s.Connections < 0 || s.Connections > 1000:
		return fmt.Errorf("scanner: connections %d: they are 1 to 1000", s.Connections)
	case s.Timeout < 0 || s.QueueTimeout < 0:
		return errors.New("scanner: a timeout can't be negative")
	case s.MaxFile < 0 || s.MaxFile > 4<<30-1:
		return fmt.Errorf("scanner: max_file %d: it is up to 4 GiB, which is the most that ClamAV scans", s.MaxFile)
	case !slices.Contains([]string{"", Closed, Open}, s.OnFailure):
		return fmt.Errorf("scanner: on_failure %q: it is closed or open", s.OnFailure)
	}
	return nil
}

// scanners are shared by the configurations, in turn, that name the same: a reload costs no connection.
var scanners = caddy.NewUsagePool()

// scanner is a daemon and those who want to hear of it.
type scanner struct {
	*clamd.Scanner
	open bool // its loss lets uploads pass

	mu     sync.Mutex
	listen []*func(up bool) // the last one hears: configurations overlap at a reload, and one event is enough
}

// Destruct implements caddy.Destructor.
func (s *scanner) Destruct() error { return s.Close() }

func (s *scanner) changed(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.listen); n > 0 {
		(*s.listen[n-1])(up)
	}
}

// tell has f hear of changes until cancel is called.
func (s *scanner) tell(f func(up bool)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listen = append(s.listen, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listen = slices.DeleteFunc(s.listen, func(o *func(bool)) bool { return o == &f })
	}
}

func (h *Handler) openScanner(ctx caddy.Context) error {
	if h.Scanner == nil {
		return nil
	}
	key := *h.Scanner
	v, _, err := scanners.LoadOrNew(key, func() (caddy.Destructor, error) {
		s := &scanner{open: key.OnFailure == Open}
		scannerUp.WithLabelValues(key.Address).Set(1)
		var err error
		s.Scanner, err = clamd.Open(ctx, clamd.Options{
			Address: key.Address, Connections: key.Connections, Timeout: time.Duration(key.Timeout), Queue: time.Duration(key.QueueTimeout), Limit: key.MaxFile,
			Changed: func(up bool) {
				scannerUp.WithLabelValues(key.Address).Set(number(up))
				s.changed(up)
			},
		})
		return s, err
	})
	if err != nil {
		return err
	}
	h.scanner = v.(*scanner)
	h.release = append(h.release, func() error {
		_, err := scanners.Delete(key)
		return err
	})
	cancel := h.scanner.tell(h.scannerChanged)
	h.release = append(h.release, func() error {
		cancel()
		return nil
	})
	if !h.scanner.Up() { // it was lost before this configuration came
		h.logger.Warn("the scanner of uploads does not answer")
	}
	return nil
}

// scannerChanged tells operators.
func (h *Handler) scannerChanged(up bool) {
	e := &event.Event{Time: time.Now(), Category: "process", Action: "scanner-lost", Outcome: event.Failure, Reason: "the scanner of uploads does not answer"}
	if up {
		e.Action, e.Outcome, e.Reason = "scanner-back", event.Success, "the scanner of uploads answers again"
		h.logger.Info(e.Reason, zap.String("version", h.scanner.Version()))
	} else {
		h.logger.Error(e.Reason)
	}
	h.emit(e)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

package gateway

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/modes"
)

// kept are the folders below the data folder that the gateway keeps things in. Whatever else lies there is not its own.
var kept = []string{"events", "audit", "waf", "policy", "uploads", "quarantine", "spool", "configurations", "journal"}

func (a *App) parseFileModes(d *caddyfile.Dispenser) error {
	if err := one(d, &a.FileModes); err != nil {
		return err
	}
	if a.FileModes != "refuse" && a.FileModes != "warn" {
		return d.Errf("file_modes is refuse or warn, not %q", a.FileModes)
	}
	return nil
}

// checkModes looks at the modes of the gateway's files. Fail closed, since what others can read is no secret any more, and what they can write is no
// record; with "warn" for volumes whose modes the operator can't choose. Key files are refused in any case, by the key ring.
func (a *App) checkModes() error {
	paths := make([]string, 0, len(kept)+3)
	for _, name := range kept {
		paths = append(paths, filepath.Join(a.DataDir, name))
	}
	if file, ok := strings.CutPrefix(a.Database, "sqlite:"); ok {
		paths = append(paths, file, file+"-wal", file+"-shm")
	}
	for _, t := range []*link.TLS{a.StoreTLS, a.DatabaseTLS} {
		if t != nil && t.Key != "" {
			if filled, err := host.FillTLS(*t); err == nil { // defaults has told of any error
				paths = append(paths, filled.Key)
			}
		}
	}
	err := errors.Join(modes.CheckFolder(a.DataDir), modes.Check(paths...))
	if err != nil && a.FileModes == "warn" {
		a.logger.Warn("files are open to others", zap.Error(err))
		return nil
	}
	return err
}

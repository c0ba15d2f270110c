package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/link"
)

// watchHealth has the ground's parts tell how they are. What all gateways of a fleet share and can do without for a while is degraded while it is away, since
// all of them would else stop serving what still works; what nothing works without, or what is this node's own, has failed.
func (a *App) watchHealth() {
	h := a.ground.Health
	h.Add("store", a.storeHealth)
	h.Add("database", a.databaseHealth)
	h.Add("keys", a.keysHealth)
	h.Add("data_disk", a.diskHealth)
	h.Add("certificates", a.certificatesHealth)
	if a.log != nil {
		h.Add("audit_log", a.logHealth)
	}
	if a.backups != nil {
		h.Add("backups", a.backupsHealth)
	}
}

func (a *App) storeHealth(ctx context.Context) (health.State, string) {
	if a.Store == "memory" {
		return health.OK, "memory of this process"
	}
	// Degraded: limits, throttles and scores go on in each node's own memory.
	if err := a.ground.Store.Ping(ctx); err != nil {
		return health.Degraded, "Redis " + why(err) + ": each node counts limits by itself, and logins that need a second step wait until it is back"
	}
	return linkHealth(a.storeFiles())
}

// storeFiles are those of the link to Redis; nil: it has none.
func (a *App) storeFiles() *link.Files {
	if s, ok := a.ground.Store.(interface{ Files() *link.Files }); ok {
		return s.Files()
	}
	return nil
}

// linkHealth tells when the files that a link stands on were replaced by such as can't be used: those before go on, until they end.
func linkHealth(files *link.Files) (health.State, string) {
	if files == nil {
		return health.OK, ""
	}
	if err := files.Err(); err != nil {
		return health.Degraded, "the files of its link are no good, those before them go on: " + err.Error()
	}
	return health.OK, ""
}

func (a *App) databaseHealth(ctx context.Context) (health.State, string) {
	var one int
	// Failed: a token whose session can't be asked for is refused, and so is nearly everything.
	if err := a.ground.DB.QueryRow(ctx, `SELECT 1`).Scan(&one); err != nil {
		return health.Failed, "it " + why(err) + ": nobody's session can be looked up"
	}
	if !a.ground.Feed.Fresh() {
		return health.Degraded, "its changes can't be followed: each request asks it again"
	}
	return linkHealth(a.ground.DB.Files())
}

// keysHealth tries what the keys are for, and looks whether those of now can still be read from where they lie.
func (a *App) keysHealth(context.Context) (health.State, string) {
	const place = "health"
	sealed, err := a.ground.Keys.Seal([]byte(place), place)
	if err == nil {
		_, err = a.ground.Keys.Unseal(sealed, place)
	}
	if err != nil {
		return health.Failed, "the key ring does not open what it has sealed"
	}
	signing := false
	for _, k := range a.ground.Keys.Keys() {
		signing = signing || k.State == keyring.Signing
	}
	if !signing {
		return health.Failed, "no key signs"
	}
	if _, err := os.ReadDir(a.Keys); err != nil {
		return health.Degraded, "the key folder " + why(err) + ": the keys in memory go on, changes are not seen"
	}
	return health.OK, ""
}

func (a *App) logHealth(context.Context) (health.State, string) {
	if a.log.Failing() {
		return health.Degraded, "events can't be written to the audit log: requests go on without, and what waits for a record is refused"
	}
	return health.OK, ""
}

// backupsHealth is never failed: requests need no backup.
func (a *App) backupsHealth(ctx context.Context) (health.State, string) {
	late, err := a.backups.Late(ctx)
	if err != nil {
		return health.Degraded, "it is not known when the last backup was made: the database " + why(err)
	}
	if late != "" {
		return health.Degraded, late
	}
	return health.OK, ""
}

// diskHealth writes into the data folder. It is this node's own, so a node that can't write events had better not be asked.
func (a *App) diskHealth(context.Context) (health.State, string) {
	if err := tryWrite(a.DataDir); err != nil {
		return health.Failed, "the data folder " + why(err)
	}
	free, whole, err := diskRoom(a.DataDir)
	if err != nil {
		return health.Degraded, "it is not known how full the data folder's disk is: it " + why(err)
	}
	if free < leastFree(whole) {
		return health.Degraded, fmt.Sprintf("the data folder's disk has %d of %d MiB left", free>>20, whole>>20)
	}
	return health.OK, ""
}

func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".health-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write([]byte{'\n'})
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// why says what an error comes to, without what it holds: addresses, users, paths.
func why(err error) string {
	var timeout net.Error
	var number syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "does not answer in time"
	case errors.As(err, &number):
		return "can't be used (" + number.Error() + ")"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "can't be used"
	}
	return "does not answer as it should"
}

// serveHealth tells how the gateway and its parts are.
func (a *App) serveHealth(w http.ResponseWriter, r *http.Request) error {
	return host.AnswerJSON(w, a.ground.Health.Summarize(r.Context(), nil, caddy.Exiting()))
}

// healthCollector tells the same to who scrapes metrics.
type healthCollector struct{ set *health.Set }

var (
	readyDesc = prometheus.NewDesc("gateway_ready", "1 while requests should come to this gateway, as /readyz says without `require`.", nil, nil)
	partDesc  = prometheus.NewDesc("gateway_part_state", "How a part of the gateway is: 0 well, 1 degraded, 2 failed.", []string{"part"}, nil)
)

// Describe implements prometheus.Collector.
func (c healthCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- readyDesc
	ch <- partDesc
}

// Collect implements prometheus.Collector.
func (c healthCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.set.Summarize(context.Background(), nil, caddy.Exiting()) // it bounds itself, and a scrape gives no context
	ready := 0.0
	if s.Ready {
		ready = 1
	}
	ch <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, ready)
	for _, p := range s.Parts {
		ch <- prometheus.MustNewConstMetric(partDesc, prometheus.GaugeValue, float64(p.State), p.Part)
	}
}

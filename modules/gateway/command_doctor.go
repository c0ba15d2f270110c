package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/gateway/doctor"
	"github.com/convosphere/gateway/modules/internal/build"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/store"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "doctor", Usage: "[--config FILE|--data FOLDER]", Short: "Looks at all that a gateway stands on, and says what is wrong and what to do", Long: doctorHelp, CobraFunc: doctorCommand,
	})
}

const doctorHelp = `
Looks at the configuration, the gateway's files with their modes and owners, disk space, clocks, certificates, the links to Redis and PostgreSQL and how these are set, the
limits of the machine, backups, and how the running gateway is, if one answers at the admin address. It changes nothing, and prints no secret.

Run it as the gateway's user, in its environment, with its configuration. Exit codes: 0 all is well, 1 something should be looked at, 2 something is wrong.
`

// doctorTime bounds all that asks others.
const doctorTime = 30 * time.Second

func doctorCommand(cmd *cobra.Command) {
	var config, adapter, data, address string
	var asJSON, all bool
	flags := cmd.Flags()
	flags.StringVarP(&config, "config", "c", "", "The gateway's configuration file; without one, a data folder alone is looked at: that of --data, or the default")
	flags.StringVarP(&adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
	flags.StringVar(&data, "data", "", "The gateway's data folder, where there is no configuration to go by")
	flags.StringVar(&address, "address", "", "The admin address of the running gateway, if not the configuration's")
	flags.BoolVar(&asJSON, "json", false, "Print JSON")
	flags.BoolVar(&all, "all", false, "Also print what is well")
	cmd.Example = "  convosphere doctor --config /etc/convosphere/Caddyfile\n  convosphere doctor --json | jq '.findings[] | select(.state != \"ok\")'"
	cmd.MarkFlagsMutuallyExclusive("config", "data")
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		parent := cmd.Context()
		if parent == nil { // Caddy executes its commands without one
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(parent, doctorTime)
		defer cancel()
		p := patient{config: config, adapter: adapter, data: data, address: address, now: time.Now()}
		p.look(ctx)
		report := doctor.NewReport(p.now, build.Version(), p.hidden())
		write := func() error { return report.Text(cmd.OutOrStdout(), all) }
		if asJSON {
			write = func() error { return report.JSON(cmd.OutOrStdout()) }
		}
		if err := write(); err != nil || report.ExitCode() == 0 {
			return err
		}
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		if report.ExitCode() == 1 { // for which Caddy wants an error; what is wrong is printed already
			return errUnwell
		}
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return report.ExitCode(), nil })(cmd, args)
	}
}

// errUnwell makes the exit code 1.
var errUnwell = errors.New("something should be looked at")

// patient is a gateway that is looked at.
type patient struct {
	config, adapter, data, address string
	now                            time.Time

	app      *App
	findings []doctor.Finding
}

func (p *patient) add(all ...doctor.Finding) { p.findings = append(p.findings, all...) }

func (p *patient) fail(check, do string, err error) {
	p.add(doctor.Finding{Check: check, State: doctor.Fail, Text: err.Error(), Do: do})
}

// hidden are the findings without what errors of others may hold: addresses with passwords, tokens.
func (p *patient) hidden() []doctor.Finding {
	for i := range p.findings {
		if s, is := inforce.Hide("", p.findings[i].Text).(string); is {
			p.findings[i].Text = s
		}
	}
	return p.findings
}

func (p *patient) look(ctx context.Context) {
	p.add(doctor.Finding{Check: "version", State: doctor.OK, Text: fmt.Sprintf("%s, %s, tables of version %d", build.Version(), runtime.Version(), database.Latest())})
	var c doctor.Configured
	if !p.read(&c) {
		return
	}
	p.files()
	p.add(doctor.Synchronized(doctor.KernelClock()))
	p.add(doctor.ThisMachine().Limits()...)
	p.certificates(c)
	p.store(ctx)
	p.database(ctx)
	p.backups()
	p.running()
}

// read reads the configuration, and says what of it smells. It is false where nothing else can be looked at.
func (p *patient) read(c *doctor.Configured) bool {
	p.app = &App{DataDir: p.data}
	if p.config != "" {
		raw, _, _, err := caddycmd.LoadConfig(p.config, p.adapter)
		if err != nil {
			p.fail("config", "mend what is named", err)
			return false
		}
		if *c, err = doctor.ReadConfigured(raw); err != nil {
			p.fail("config", "mend what is named", err)
			return false
		}
		p.add(c.Smells()...)
		if c.Apps.Gateway == nil {
			return false
		}
		var whole struct {
			Apps struct {
				Gateway *App `json:"gateway"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(raw, &whole); err != nil {
			p.fail("config", "mend what is named", err)
			return false
		}
		p.app = whole.Apps.Gateway
	}
	if err := p.app.defaults(); err != nil {
		p.fail("config", "mend what is named; set what it names in the environment as the gateway has it", err)
		return false
	}
	return true
}

func (p *patient) files() {
	file, _ := strings.CutPrefix(p.app.Database, "sqlite:")
	if file == p.app.Database {
		file = ""
	}
	p.add(doctor.Folders(p.app.DataDir, p.app.Keys, file)...)
	need := uint64(0)
	if info, err := os.Stat(file); err == nil && p.app.Backup != nil {
		need = uint64(info.Size()) // a backup is restored beside it to be verified
	}
	if s, err := doctor.SpaceOf(p.app.DataDir); err == nil {
		p.add(doctor.Room("disk", p.app.DataDir, s, need))
	}
	p.keys()
}

// keys reads the key ring, making nothing of it. That there is none is well before the first start alone.
func (p *patient) keys() {
	const look, lost = "keys", "mount the key folder, or bring it back from a backup: convosphere restore"
	err := keyring.Check(p.app.Keys)
	switch _, none := os.Stat(p.app.DataDir); {
	case err == nil:
		p.add(doctor.Finding{Check: look, State: doctor.OK, Text: "the key ring is whole"})
	case errors.Is(err, fs.ErrPermission):
		p.fail(look, "run this as the gateway's user", err)
	case errors.Is(err, fs.ErrNotExist) && errors.Is(none, fs.ErrNotExist):
		p.add(doctor.Finding{Check: look, State: doctor.Warn, Text: "there is no key ring yet", Do: "start the gateway once, or name another folder with --config or --data"})
	default:
		p.fail(look, lost, err)
	}
}

// certificates looks at those that files hold: of sites, of links, and those that the gateway obtained by itself.
func (p *patient) certificates(c doctor.Configured) {
	for _, f := range c.Apps.TLS.Certificates.Files {
		p.add(doctor.Pair("a site's certificate", f.Certificate, f.Key, nil, p.now)...)
	}
	for what, t := range map[string]*link.TLS{"the store's link": p.app.StoreTLS, "the database's link": p.app.DatabaseTLS} {
		if t == nil {
			continue
		}
		filled, err := host.FillTLS(*t)
		if err != nil {
			p.fail("certificate", "mend what is named", err)
			continue
		}
		if filled.CA != "" {
			p.add(doctor.Authority(what, filled.CA, p.now))
		}
		if filled.Certificate != "" {
			p.add(doctor.Pair(what, filled.Certificate, filled.Key, nil, p.now)...)
		}
	}
	p.kept()
}

// mostKeptCertificates bounds what is looked at of those that the gateway obtained.
const mostKeptCertificates = 10_000

func (p *patient) kept() {
	files, err := filepath.Glob(filepath.Join(p.app.DataDir, "caddy", "certificates", "*", "*", "*.crt"))
	if err != nil {
		return // only of a malformed pattern
	}
	good := 0
	for _, f := range files[:min(len(files), mostKeptCertificates)] {
		found, bad := doctor.Kept(f, p.now)
		if bad {
			p.add(found)
		} else {
			good++
		}
	}
	if good > 0 {
		p.add(doctor.Finding{Check: "certificate-kept", State: doctor.OK, Text: fmt.Sprintf("%d certificates that the gateway obtained last", good)})
	}
}

func (p *patient) store(ctx context.Context) {
	if p.app.Store == "memory" {
		return
	}
	hosts, err := store.Plain(p.app.Store)
	if err != nil {
		p.fail("link-redis", "mend the address", err)
		return
	}
	p.add(doctor.Link("link-redis", hosts, p.app.StoreTLS != nil || strings.HasPrefix(p.app.Store, "rediss")))
	if len(hosts) > 0 && p.app.PlainLinks != "warn" {
		return // the gateway refuses it, and nor is its password sent there in the clear from here
	}
	c, err := store.NewClient(p.app.Store, p.app.storeOptions()...)
	if err != nil {
		p.fail("redis", "mend the address, or the files that it names", err)
		return
	}
	p.add(doctor.Redis(ctx, c)...)
	_ = c.Close() // it was asked, and nothing waits in it
}

func (p *patient) database(ctx context.Context) {
	place, err := p.app.place()
	if err != nil {
		p.fail("database", "mend the address", err)
		return
	}
	hosts, err := database.Plain(p.app.Database)
	if err != nil {
		p.fail("link-database", "mend the address", err)
		return
	}
	if place.Database.Postgres != "" {
		p.add(doctor.Link("link-database", hosts, strings.Contains(p.app.Database, "sslmode=verify-full")))
	}
	if len(hosts) > 0 && p.app.PlainLinks != "warn" {
		return // likewise
	}
	db, err := database.OpenToRead(ctx, place.Database)
	if errors.Is(err, fs.ErrNotExist) {
		p.add(doctor.Finding{Check: "database", State: doctor.Warn, Text: "there is none yet", Do: "start the gateway once, or name another configuration"})
		return
	}
	if err != nil {
		p.fail("database", "mend the address, or the files that it names", err)
		return
	}
	p.add(doctor.Database(ctx, db)...)
	_ = db.Close() // it was only read
}

// running asks the gateway how it is. That none answers is no finding of its own: it may be stopped.
func (p *patient) running() {
	admin := host.Admin{Address: p.address, Config: p.config, Adapter: p.adapter}
	raw, err := admin.Call(http.MethodGet, "/gateway/health", nil, nil)
	if errors.Is(err, host.ErrNoAnswer) && p.address != "" { // it was named, so it should
		p.fail("running", "start the gateway, or name its admin address", err)
		return
	}
	if errors.Is(err, host.ErrNoAnswer) {
		p.add(doctor.Finding{Check: "running", State: doctor.OK, Text: "no gateway answers at the admin address"})
		return
	}
	var s health.Summary
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		p.add(doctor.Finding{Check: "running", State: doctor.Warn, Text: "what answers at the admin address does not tell how it is: " + err.Error(), Do: "see that --address names this gateway"})
		return
	}
	p.add(doctor.Finding{Check: "running", State: doctor.OK, Text: "it is " + s.Status})
	for _, part := range s.Parts {
		switch part.State {
		case health.Degraded:
			p.add(doctor.Finding{Check: "running-" + part.Part, State: doctor.Warn, Text: part.Reason, Do: "mend what it names: the gateway goes on by itself"})
		case health.Failed:
			p.add(doctor.Finding{Check: "running-" + part.Part, State: doctor.Fail, Text: part.Reason, Do: "mend what it names: no requests should come here"})
		}
	}
}

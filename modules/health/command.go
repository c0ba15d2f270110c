package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "health",
		Usage:     "[--url URL [--ca FILE] | --address ADDRESS | --config FILE]",
		Short:     "Tells whether a running gateway is ready, and how its parts are",
		Long:      commandHelp,
		CobraFunc: command,
	})
}

const commandHelp = `
Asks a running gateway how it is, and prints it. The exit code is 0 where requests should go to it (also where a part is degraded by design), and 1 where
not, or where nobody answers.

It asks the admin address (--address, or that of --config), or the URL where gw_health answers, which is what a container's health check does, in which there
is no curl:

  convosphere health --url http://127.0.0.1:9180/readyz

Where that URL is https and its certificate is of an authority of one's own, --ca names that authority's certificate; it alone is trusted then.`

// patience is how long the command waits by default: more than the gateway itself waits for its parts.
const patience = 4 * time.Second

// mostAnswer bounds what is read of an answer.
const mostAnswer = 1 << 20

// probe is the URL that is asked instead of the admin address.
type probe struct {
	url, ca string
	timeout time.Duration
}

// errNotReady makes the exit code 1: what is wrong is printed already.
var errNotReady = errors.New("the gateway is not ready")

func command(cmd *cobra.Command) {
	var gateway host.Admin
	var at probe
	var asJSON, quiet bool
	gateway.Register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&at.url, "url", "", "Where gw_health answers, as http://127.0.0.1:9180/readyz")
	flags.StringVar(&at.ca, "ca", "", "PEM file of the authorities that vouch for an https --url, in place of the system's")
	flags.DurationVar(&at.timeout, "timeout", patience, "How long to wait for an answer at --url")
	flags.BoolVar(&asJSON, "json", false, "Print JSON")
	flags.BoolVarP(&quiet, "quiet", "q", false, "Print nothing where it is ready")
	cmd.Example = "  convosphere health --config /etc/convosphere/Caddyfile\n  convosphere health --url http://127.0.0.1:9180/readyz\n" +
		"  convosphere health --url https://gateway.internal:9443/readyz --ca /etc/convosphere/ca.pem"
	cmd.MarkFlagsMutuallyExclusive("url", "address")
	cmd.MarkFlagsMutuallyExclusive("url", "config")
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		raw, err := ask(cmd.Context(), &gateway, at)
		if err != nil {
			return err
		}
		var s health.Summary
		if err := json.Unmarshal(raw, &s); err != nil || s.Status == "" {
			return errors.New("the answer is not one of gw_health")
		}
		if !quiet || !s.Ready {
			if err := show(cmd.OutOrStdout(), s, asJSON); err != nil {
				return err
			}
		}
		if !s.Ready {
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			return errNotReady
		}
		return nil
	}
}

func ask(ctx context.Context, gateway *host.Admin, at probe) ([]byte, error) {
	if at.ca != "" && !strings.HasPrefix(at.url, "https:") {
		return nil, errors.New("--ca goes with --url https://…")
	}
	if at.url == "" {
		return gateway.Call(http.MethodGet, "/gateway/health", nil, nil)
	}
	u, err := url.Parse(at.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--url %q: write it as http://127.0.0.1:9180/readyz", at.url)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, at.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url, nil)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	// A transport of its own, which asks no proxy of the environment's.
	transport := &http.Transport{DisableKeepAlives: true}
	if at.ca != "" {
		files, err := link.TLS{CA: at.ca}.Open()
		if err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
		transport.TLSClientConfig = files.Client(u.Hostname())
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", host.ErrNoAnswer, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", host.ErrCutOff, err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return nil, fmt.Errorf("%s answers %s: is it where gw_health is?", at.url, resp.Status)
	}
	return raw, nil
}

func show(w io.Writer, s health.Summary, asJSON bool) error {
	if asJSON {
		return host.PrintJSON(w, s)
	}
	if _, err := fmt.Fprintln(w, s.Status); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range s.Parts {
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Part, p.State, p.Reason)
	}
	return t.Flush()
}

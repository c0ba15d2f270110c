package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "service",
		Usage:     "add|key|scopes|remove|list",
		Short:     "Manages the programs that have an account",
		Long:      serviceHelp,
		CobraFunc: serviceCommand,
	})
}

const serviceHelp = `
Adds, changes and lists services: programs that get access tokens at /auth/oauth/token for a signature of their own key (OAuth client
credentials, private_key_jwt). The gateway may be running: it acts on a change within a second.

A service has a role, as people have, and scopes: the permissions that its tokens may be for. Its public key is a JWK, read from a file or from
standard input (-). With --generate a pair is made, and the private key printed, this once.

The gateway's database is found as by 'convosphere user'.`

func serviceCommand(cmd *cobra.Command) {
	var p place
	p.flags(cmd)
	cmd.AddCommand(addServiceCommand(&p), serviceKeyCommand(&p), serviceScopesCommand(&p), removeServiceCommand(&p), listServicesCommand(&p))
	host.Describe(cmd, serviceHelps())
}

// givenKey is a public key that is brought or made.
type givenKey struct {
	file     string
	generate bool
}

func (g *givenKey) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.file, "key", "", "File of the public key, a JWK; - is standard input")
	cmd.Flags().BoolVar(&g.generate, "generate", false, "Make a pair of keys and print the private one")
	cmd.MarkFlagsMutuallyExclusive("key", "generate")
	cmd.MarkFlagsOneRequired("key", "generate")
}

func (g *givenKey) read(cmd *cobra.Command) (private, public []byte, err error) {
	if g.generate {
		return directory.NewServiceKey()
	}
	const most = 16 << 10
	if g.file == "-" {
		public, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), most))
		return nil, public, err
	}
	f, err := os.Open(g.file)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the key: %w", err)
	}
	defer f.Close()
	public, err = io.ReadAll(io.LimitReader(f, most))
	return nil, public, err
}

func addServiceCommand(p *place) *cobra.Command {
	var role string
	var scopes []string
	var introspect bool
	var key givenKey
	cmd := &cobra.Command{Use: "add NAME", Short: "Adds a service", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		private, public, err := key.read(cmd)
		if err != nil {
			return err
		}
		return p.with(cmd, false, func(ctx context.Context, d *directory.Directory) error {
			warnOfRole(cmd.ErrOrStderr(), role)
			if err := d.AddService(ctx, args[0], role, strings.Join(scopes, " "), introspect, public); err != nil {
				return named(args[0], err)
			}
			return printKey(cmd.OutOrStdout(), private)
		})
	}}
	cmd.Flags().StringVar(&role, "role", "user", "Role: user, premium, moderator, admin, or one of your policy's own")
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "Permission that its tokens may be for; may be repeated")
	cmd.Flags().BoolVar(&introspect, "introspect", false, "Let it ask what other tokens are good for")
	_ = cmd.MarkFlagRequired("scope") // the flag is there
	key.flags(cmd)
	return cmd
}

func printKey(w io.Writer, private []byte) error {
	if private == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s\n", private)
	return err
}

func serviceKeyCommand(p *place) *cobra.Command {
	cmd := &cobra.Command{Use: "key add|remove", Short: "Adds a key, or takes one away and ends the service's tokens", Args: host.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var key givenKey
	add := &cobra.Command{Use: "add NAME", Short: "Adds a key beside the others", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		private, public, err := key.read(cmd)
		if err != nil {
			return err
		}
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			if err := d.AddServiceKey(ctx, args[0], public); err != nil {
				return named(args[0], err)
			}
			return printKey(cmd.OutOrStdout(), private)
		})
	}}
	key.flags(add)
	cmd.AddCommand(add, nameCommand(p, "remove NAME KID", "Takes a key away and ends the service's tokens", 2, func(ctx context.Context, d *directory.Directory, args []string) error {
		return d.RemoveServiceKey(ctx, args[0], args[1])
	}))
	return cmd
}

func serviceScopesCommand(p *place) *cobra.Command {
	var introspect bool
	cmd := &cobra.Command{Use: "scopes NAME SCOPE...", Short: "Replaces what the service's tokens may be for, and ends those it has", Args: host.AtLeast(2), RunE: func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			return named(args[0], d.SetServiceScopes(ctx, args[0], strings.Join(args[1:], " "), introspect))
		})
	}}
	cmd.Flags().BoolVar(&introspect, "introspect", false, "Let it ask what other tokens are good for")
	return cmd
}

func removeServiceCommand(p *place) *cobra.Command {
	return nameCommand(p, "remove NAME", "Deletes the service and ends its tokens; nobody gets its name again", 1, func(ctx context.Context, d *directory.Directory, args []string) error {
		return d.RemoveService(ctx, args[0])
	})
}

// listedService is one service in `service list --json`.
type listedService struct {
	Name       string      `json:"name"`
	Roles      []string    `json:"roles"`
	Scopes     []string    `json:"scopes"`
	Introspect bool        `json:"introspect"`
	Disabled   bool        `json:"disabled"`
	CreatedAt  time.Time   `json:"created_at"`
	Keys       []listedKey `json:"keys"`
}

type listedKey struct {
	ID        string    `json:"kid"`
	Algorithm string    `json:"alg"`
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`
}

func listServicesCommand(p *place) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists the services", Args: host.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			all, err := d.Services(ctx)
			if err != nil {
				return err
			}
			list := make([]listedService, 0, len(all))
			for _, s := range all {
				list = append(list, tellService(s))
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(list)
			}
			return serviceTable(cmd.OutOrStdout(), list)
		})
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

func tellService(s service.Service) listedService {
	l := listedService{s.Name, s.Roles, s.Scopes, s.Introspect, s.Disabled, s.CreatedAt, make([]listedKey, 0, len(s.Keys))}
	for _, k := range s.Keys {
		l.Keys = append(l.Keys, listedKey{k.ID, k.Algorithm, k.CreatedAt, k.UsedAt})
	}
	return l
}

func serviceTable(w io.Writer, all []listedService) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLES\tSTATE\tSCOPES\tKEYS")
	for _, s := range all {
		state := "active"
		if s.Disabled {
			state = "disabled"
		}
		scopes := strings.Join(s.Scopes, " ")
		if s.Introspect {
			scopes += " (introspects)"
		}
		var keys []string
		for _, k := range s.Keys {
			keys = append(keys, k.ID+" ("+k.Algorithm+")")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, strings.Join(s.Roles, ","), state, scopes, strings.Join(keys, ", "))
	}
	return t.Flush()
}

package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/internal/host"
)

// listed is one account in `user list --json` and `user show --json`.
type listed struct {
	ID            string    `json:"id"`
	Username      string    `json:"username"`
	DisplayName   string    `json:"display_name,omitempty"`
	Email         string    `json:"email,omitempty"`
	EmailVerified bool      `json:"email_verified"`
	Roles         []string  `json:"roles"`
	State         string    `json:"state"` // active, disabled or approval
	Disabled      bool      `json:"disabled"`
	SecondFactor  bool      `json:"second_factor"`
	CreatedAt     time.Time `json:"created_at"`
	LastAuthAt    time.Time `json:"last_auth_at,omitzero"`
}

func listedOf(p account.Profile) listed {
	return listed{p.ID, p.Username, p.DisplayName, p.Email, p.EmailVerified, p.Roles, p.State(), p.Disabled, p.SecondFactor(), p.CreatedAt, p.LastAuthAt}
}

func listCommand(p *place) *cobra.Command {
	var asJSON bool
	var q account.Query
	cmd := &cobra.Command{Use: "list", Short: "Lists the accounts, all or those that are searched for", Args: host.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			all, err := search(ctx, d, q)
			if err != nil {
				return err
			}
			if asJSON {
				out := make([]listed, 0, len(all))
				for _, p := range all {
					out = append(out, listedOf(p))
				}
				return writeJSON(cmd.OutOrStdout(), out)
			}
			return listTable(cmd.OutOrStdout(), all)
		})
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().StringVar(&q.Text, "search", "", "The beginning of the name, or the whole mail address")
	cmd.Flags().StringVar(&q.Role, "role", "", "Only accounts with this role")
	cmd.Flags().StringVar(&q.State, "state", "", "Only accounts in this state: active, disabled or approval")
	return cmd
}

// search gives all pages.
func search(ctx context.Context, d *directory.Directory, q account.Query) (all []account.Profile, err error) {
	q.Limit = account.MaxPage
	for {
		page, next, err := d.Desk.Accounts.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if q.After = next; next == "" {
			return all, nil
		}
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func listTable(w io.Writer, all []account.Profile) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLES\tSTATE\tSECOND FACTOR\tCREATED\tMAIL")
	for _, p := range all {
		factor := "-"
		if p.SecondFactor() {
			factor = "yes"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Username, strings.Join(p.Roles, ","), p.State(), factor, p.CreatedAt.Format(time.DateOnly), or(p.Email, "-"))
	}
	return t.Flush()
}

func showCommand(p *place) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "show NAME|ID", Short: "Shows an account; of events, too, which tell the id alone", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			a, err := d.Desk.Find(ctx, args[0])
			if err != nil {
				return named(args[0], err)
			}
			p, err := d.Desk.Accounts.Profile(ctx, a.ID)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), listedOf(p))
			}
			return showTable(cmd.OutOrStdout(), p)
		})
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

func showTable(w io.Writer, p account.Profile) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	mail := p.Email
	if mail != "" && !p.EmailVerified {
		mail += " (not verified)"
	}
	last := "never"
	if !p.LastAuthAt.IsZero() {
		last = p.LastAuthAt.Format(time.RFC3339)
	}
	for _, row := range [][2]string{
		{"id", p.ID}, {"name", p.Username}, {"shown as", p.DisplayName}, {"mail", mail}, {"language", p.Locale}, {"roles", strings.Join(p.Roles, ",")},
		{"state", p.State()}, {"second factor", fmt.Sprint(p.SecondFactor())}, {"created", p.CreatedAt.Format(time.RFC3339)}, {"last sign-in", last},
	} {
		fmt.Fprintf(t, "%s\t%s\n", row[0], or(row[1], "-"))
	}
	return t.Flush()
}

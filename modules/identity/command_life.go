package identity

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/internal/host"
)

// deskCommand is a sub-command that does one thing to one account, as operators do at the portal.
func deskCommand(p *place, use, short string, f func(*lifecycle.Desk, context.Context, lifecycle.Operator, account.Account) error) *cobra.Command {
	return nameCommand(p, use, short, 1, func(ctx context.Context, d *directory.Directory, args []string) error {
		a, err := d.Desk.Find(ctx, args[0])
		if err != nil {
			return err
		}
		return f(d.Desk, ctx, lifecycle.Operator{}, a)
	})
}

func emailCommand(p *place) *cobra.Command {
	return nameCommand(p, "email NAME ADDRESS", `Gives the account a mail address that you vouch for; "" takes it away`, 2,
		func(ctx context.Context, d *directory.Directory, args []string) error {
			a, err := d.Desk.Find(ctx, args[0])
			if err != nil {
				return err
			}
			return d.Desk.SetEmail(ctx, lifecycle.Operator{}, a, args[1])
		})
}

func exportCommand(p *place) *cobra.Command {
	return &cobra.Command{Use: "export NAME", Short: "Prints everything that is kept of a person, as JSON", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			a, err := d.Desk.Find(ctx, args[0])
			if err != nil {
				return named(args[0], err)
			}
			out, err := d.Desk.Export(ctx, a)
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), out)
		})
	}}
}

func eraseCommand(p *place) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "erase NAME", Short: "Erases a person for good; the name stays reserved", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			a, err := d.Desk.Find(ctx, args[0])
			if err != nil {
				return named(args[0], err)
			}
			if !yes {
				cmd.PrintErrf("Erasing %s can't be undone. Type the name again: ", a.Name)
				if line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n'); strings.TrimSpace(line) != a.Name {
					return errors.New("nothing was erased: the names differ")
				}
			}
			return d.Desk.Erase(ctx, lifecycle.Operator{}, a)
		})
	}}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask")
	return cmd
}

func inviteCommand(p *place) *cobra.Command {
	var role string
	var life time.Duration
	cmd := &cobra.Command{Use: "invite [ADDRESS]", Short: "Mails an invitation, or prints one to pass on", Args: host.AtMost(1), RunE: func(cmd *cobra.Command, args []string) error {
		email := ""
		if len(args) == 1 {
			email = args[0]
		}
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			if role != "" {
				warnOfRole(cmd.ErrOrStderr(), role)
			}
			if d.Desk.Registration == lifecycle.Off {
				cmd.PrintErrln("warning: the gateway takes no registrations: set registration to invitation, open or approval")
			}
			link, err := d.Desk.Invite(ctx, lifecycle.Operator{}, email, role, life)
			if err != nil {
				return err
			}
			if link == "" {
				cmd.PrintErrln("it will be mailed by the gateway")
				return nil
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "invitation: %s\n", link)
			return err
		})
	}}
	cmd.Flags().StringVar(&role, "role", "", "The role that it gives; default: that of who registers")
	cmd.Flags().DurationVar(&life, "life", lifecycle.InvitationLife, "How long it holds, at most 2160h (90 days)")
	return cmd
}

package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "user",
		Usage:     "add|invite|list|show|role|email|passwd|totp|disable|enable|approve|unlock|reset-factors|end-sessions|export|erase",
		Short:     "Manages the gateway's accounts",
		Long:      userHelp,
		CobraFunc: userCommand,
	})
}

const userHelp = `
Adds, changes and lists the accounts of a gateway, which may be running: it acts on a change within a second, and the
sessions of the account end.

The gateway's database and keys are found from its configuration (--config) or its data folder (--data); without either,
from the default data folder. --database and --keys replace single parts; {env.NAME} and {file.PATH} are filled in.

Where NAME stands, a mail address or an id will do, too: events tell ids alone, and "show" says whose they are.

Passwords are asked for, or read from standard input where that is no terminal (the first line); never from arguments.
With --generate one is made and printed.`

// userCommand adds the sub-commands and the flags that they share.
func userCommand(cmd *cobra.Command) {
	var p place
	p.flags(cmd)
	cmd.AddCommand(
		addCommand(&p), passwdCommand(&p), totpCommand(&p), listCommand(&p), showCommand(&p), exportCommand(&p), eraseCommand(&p), inviteCommand(&p),
		nameCommand(&p, "role NAME ROLE", "Gives the account this role in place of those it has", 2,
			func(ctx context.Context, d *directory.Directory, args []string) error {
				warnOfRole(cmd.ErrOrStderr(), args[1])
				return d.SetRole(ctx, args[0], args[1])
			}),
		nameCommand(&p, "disable NAME", "Shuts the account", 1,
			func(ctx context.Context, d *directory.Directory, args []string) error { return d.Disable(ctx, args[0]) }),
		nameCommand(&p, "enable NAME", "Opens a shut account again", 1,
			func(ctx context.Context, d *directory.Directory, args []string) error { return d.Enable(ctx, args[0]) }),
		deskCommand(&p, "approve NAME", "Opens an account that registered and waits for it", (*lifecycle.Desk).Approve),
		deskCommand(&p, "unlock NAME", "Forgets wrong codes that keep the account from its second step", (*lifecycle.Desk).Unlock),
		deskCommand(&p, "reset-factors NAME", "Removes all second factors, for who has lost them", (*lifecycle.Desk).ResetFactors),
		deskCommand(&p, "end-sessions NAME", "Ends all sessions of the account", (*lifecycle.Desk).EndSessions),
		emailCommand(&p),
	)
	host.Describe(cmd, userHelps())
}

// warnOfRole speaks up for a role that only a policy of one's own can know: a slip of the pen would permit nothing.
func warnOfRole(w io.Writer, role string) {
	if !slices.Contains([]string{"user", "premium", "moderator", "admin"}, role) {
		fmt.Fprintf(w, "warning: the shipped policy knows no role %q: it permits nothing unless your own policy does\n", role)
	}
}

// nameCommand is a sub-command that changes an account and prints nothing.
func nameCommand(p *place, use, short string, args int, f func(context.Context, *directory.Directory, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: host.ExactArgs(args), RunE: func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			return named(args[0], f(ctx, d, args))
		})
	}}
}

func addCommand(p *place) *cobra.Command {
	var role, email string
	var generate, totp bool
	cmd := &cobra.Command{Use: "add NAME", Short: "Adds an account", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		password, err := newPassword(cmd, generate)
		if err != nil {
			return err
		}
		return p.with(cmd, false, func(ctx context.Context, d *directory.Directory) error {
			warnOfRole(cmd.ErrOrStderr(), role)
			secret, err := d.AddWithEmail(ctx, args[0], role, password, email, totp)
			if err != nil {
				return named(args[0], err)
			}
			if generate {
				fmt.Fprintf(cmd.OutOrStdout(), "password: %s\n", password)
			}
			return printSecret(cmd.OutOrStdout(), p.label, args[0], secret)
		})
	}}
	cmd.Flags().StringVar(&role, "role", "user", "Role: user, premium, moderator, admin, or one of your policy's own")
	cmd.Flags().BoolVar(&generate, "generate", false, "Make a random password and print it")
	cmd.Flags().StringVar(&email, "email", "", "Mail address; you vouch that it is theirs")
	cmd.Flags().BoolVar(&totp, "totp", false, "Switch the second factor on and print its secret")
	return cmd
}

func passwdCommand(p *place) *cobra.Command {
	var generate bool
	cmd := &cobra.Command{Use: "passwd NAME", Short: "Sets another password", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		password, err := newPassword(cmd, generate)
		if err != nil {
			return err
		}
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			if err := d.SetPassword(ctx, args[0], password); err != nil {
				return named(args[0], err)
			}
			if generate {
				fmt.Fprintf(cmd.OutOrStdout(), "password: %s\n", password)
			}
			return nil
		})
	}}
	cmd.Flags().BoolVar(&generate, "generate", false, "Make a random password and print it")
	return cmd
}

func totpCommand(p *place) *cobra.Command {
	var remove bool
	cmd := &cobra.Command{Use: "totp NAME", Short: "Switches the second factor on, or off for who has lost it", Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, true, func(ctx context.Context, d *directory.Directory) error {
			if remove {
				return named(args[0], d.RemoveTOTP(ctx, args[0]))
			}
			secret, err := d.EnableTOTP(ctx, args[0])
			if err != nil {
				return named(args[0]+": second factor", err)
			}
			return printSecret(cmd.OutOrStdout(), p.label, args[0], secret)
		})
	}}
	cmd.Flags().BoolVar(&remove, "remove", false, "Switch it off")
	return cmd
}

func printSecret(w io.Writer, label, typed, secret string) error {
	if secret == "" {
		return nil
	}
	name, err := account.Normalise(typed)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "totp: %s\n", factor.TOTPURI(label, name, secret))
	return err
}

// named puts the account's name before an error that would not tell which.
func named(name string, err error) error {
	if errors.Is(err, account.ErrExists) || errors.Is(err, account.ErrEmailTaken) || errors.Is(err, account.ErrNotFound) || errors.Is(err, service.ErrNotFound) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

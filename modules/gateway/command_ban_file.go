package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/ban/banfile"
	"github.com/convosphere/gateway/modules/internal/host"
)

const importHelp = `Bans what a list names, all of it or nothing. FILE is - for standard input. The formats:

  plain     an address or prefix a line; what follows a # or ; is the reason. Most published lists are so
  crowdsec  cscli decisions list -o json | -o raw, the local API's /v1/decisions, and what cscli decisions import takes
  fail2ban  fail2ban-client get JAIL banip [--with-time], banned, status JAIL, and its rules as iptables -S prints them
  json      what export --format json wrote

What is exempt or too broad is left out and said. With --replace, what came from the same source before and is not in the list any more is lifted.`

func banImportCommand() *cobra.Command {
	var gateway host.Admin
	var in banImportJSON
	var format, reason string
	var life duration
	cmd := &cobra.Command{Use: "import FILE", Short: "Bans what a list names", Long: importHelp, Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.Flags().StringVar(&format, "format", "plain", "One of "+strings.Join(banfile.Formats(), ", "))
	cmd.Flags().StringVar(&in.Source, "source", "", "The name of the list, a-z 0-9 . _ - (default: the format)")
	cmd.Flags().BoolVar(&in.Replace, "replace", false, "Lift what the source brought before and no longer names")
	cmd.Flags().BoolVar(&in.Force, "force", false, "Also prefixes shorter than /8 (IPv6: /16), or with a trusted proxy in them")
	cmd.Flags().Var(&life, "for", "How long, for what the list gives no end (default: until it is lifted)")
	cmd.Flags().StringVar(&reason, "reason", "", "Why, for what the list gives no reason")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := host.ReadInput(cmd, args[0], banfile.MaxBytes)
		if err != nil {
			return err
		}
		now := time.Now()
		bans, err := banfile.Read(format, string(text), now)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if in.Source == "" {
			in.Source = format
		}
		in.Source = ban.Imported + strings.TrimPrefix(in.Source, ban.Imported)
		in.Bans = make([]banfile.Ban, len(bans))
		for i, b := range bans {
			j := banfile.Ban{Prefix: b.Prefix.String(), Reason: b.Reason, Expires: banfile.FromBan(b).Expires}
			if j.Expires == nil {
				j.Expires = life.from(now)
			}
			if j.Reason == "" {
				j.Reason = reason
			}
			in.Bans[i] = j
		}
		return sendImport(cmd, &gateway, in)
	}
	return cmd
}

func sendImport(cmd *cobra.Command, gateway *host.Admin, in banImportJSON) error {
	raw, err := callJSON(gateway, http.MethodPost, "/gateway/bans/import", in)
	if err != nil {
		return err
	}
	var out banImportedJSON
	if err := json.Unmarshal(raw, &out); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "banned %d, were banned already %d, left out %d\n", out.Added, out.Kept, out.Skipped)
	for _, why := range out.Why {
		fmt.Fprintln(cmd.OutOrStdout(), " ", why)
	}
	return nil
}

func banExportCommand() *cobra.Command {
	var gateway host.Admin
	var format, source string
	cmd := &cobra.Command{Use: "export", Short: "Writes the bans in force as a list", Args: host.NoArgs}
	cmd.Long = "Writes the bans in force to standard output: plain (a prefix a line, as ipset, nft and fail2ban take it), json (all that is known, for import), or\n" +
		"crowdsec (CSV for `cscli decisions import -i - --format csv`)."
	gateway.Register(cmd)
	cmd.Flags().StringVar(&format, "format", "plain", "plain, json or crowdsec")
	cmd.Flags().StringVar(&source, "source", "", "Only those of operator, abuse, monitor or import:NAME")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if format != "plain" && format != "json" && format != "crowdsec" {
			return fmt.Errorf("there is no format %q to write: plain, json or crowdsec", format)
		}
		var all []ban.Ban
		err := eachPage(&gateway, source, func(page bansJSON) error {
			for _, j := range page.Bans {
				b, err := j.Ban()
				if err != nil {
					return fmt.Errorf("reading the gateway's answer: %w", err)
				}
				all = append(all, b)
			}
			return nil
		})
		if err != nil {
			return err
		}
		switch format {
		case "json":
			return banfile.WriteJSON(cmd.OutOrStdout(), all)
		case "crowdsec":
			return banfile.WriteCrowdSec(cmd.OutOrStdout(), all, time.Now())
		}
		return banfile.WritePlain(cmd.OutOrStdout(), all)
	}
	return cmd
}

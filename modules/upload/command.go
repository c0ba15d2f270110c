package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/upload/quarantine"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "quarantine",
		Usage:     "list|show|export|release|released|revoke|delete",
		Short:     "Shows uploads that were refused and kept, and releases them",
		Long:      quarantineHelp,
		CobraFunc: quarantineCommand,
	})
}

const quarantineHelp = `
Shows, releases and deletes the uploads that gw_upload refused and kept (quarantine), in a running gateway, over its admin address. Each change is an
event.

To release a file means that uploads of the same content pass from then on, in the whole fleet, whatever is found in them. The file that was refused
reaches nobody by it: who sent it sends it again, or you export it. What it holds is on the gateway that refused it, until it expires.`

func quarantineCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(listCommand(), showCommand(), exportCommand(), releaseCommand(), releasedCommand(), revokeCommand(), deleteCommand())
	host.Describe(cmd, quarantineHelps())
}

func at(id string) string { return "/gateway/quarantine/" + url.PathEscape(id) }

// ask calls the gateway and reads its JSON into v.
func ask(gateway *host.Admin, method, uri string, v any) error {
	raw, err := gateway.Call(method, uri, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}

func listCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "Lists what is kept, the newest first", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().IntVar(&limit, "limit", 100, "How many")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 1 {
			return errors.New("--limit: write a number above 0")
		}
		all, err := pages(&gateway, limit)
		if err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), all)
		}
		return table(cmd.OutOrStdout(), all)
	}
	return cmd
}

// pages asks for as many items as there are, up to the limit.
func pages(gateway *host.Admin, limit int) ([]itemJSON, error) {
	all := []itemJSON{}
	for before := ""; ; {
		q := url.Values{"limit": {strconv.Itoa(min(limit-len(all), quarantine.MostListed))}}
		if before != "" {
			q.Set("before", before)
		}
		var page listJSON
		if err := ask(gateway, http.MethodGet, "/gateway/quarantine?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Files...)
		if before = page.Next; before == "" || len(all) >= limit {
			return all, nil
		}
	}
}

func table(w io.Writer, items []itemJSON) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(w, "nothing is in quarantine")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tAT\tGATEWAY\tSIZE\tTYPE\tFOUND\tNAME")
	for _, i := range items {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%q\n", i.ID, i.At.Format(time.RFC3339), i.Node, humanize.IBytes(uint64(i.Size)), i.Type, i.found(), i.Name)
	}
	return t.Flush()
}

// found is what was found, in a few words.
func (i itemJSON) found() string {
	s := words(i.Findings)
	if i.Signature != "" {
		s += " (" + i.Signature + ")"
	}
	if i.Released != nil {
		s += ", released"
	}
	return s
}

func showCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "show ID", Short: "Shows all that is known of a file, as JSON", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var i itemJSON
		if err := ask(&gateway, http.MethodGet, at(args[0]), &i); err != nil {
			return err
		}
		return host.PrintJSON(cmd.OutOrStdout(), i)
	}
	return cmd
}

func exportCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "export ID FILE|-", Short: "Writes what a file holds", Args: host.ExactArgs(2)}
	cmd.Long = "Writes what a file in quarantine holds, as it was sent. It may be a virus: handle it as one. FILE must not be there yet; - is standard output."
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var i itemJSON
		if err := ask(&gateway, http.MethodGet, at(args[0]), &i); err != nil {
			return err
		}
		raw, err := gateway.Call(http.MethodGet, at(args[0])+"/content", nil, nil)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != i.SHA256 {
			return errors.New("what the gateway gave is not what was refused: is its disk whole?")
		}
		if args[1] == "-" {
			_, err := cmd.OutOrStdout().Write(raw)
			return err
		}
		f, err := os.OpenFile(args[1], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(raw)
		return errors.Join(err, f.Close())
	}
	return cmd
}

func releaseCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "release ID", Short: "Allows uploads of the same content from now on", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var i itemJSON
		if err := ask(&gateway, http.MethodPost, at(args[0])+"/release", &i); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "uploads with the SHA-256 %s pass from now on; `convosphere quarantine revoke` ends it\n", i.SHA256)
		return err
	}
	return cmd
}

func releasedCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "released", Short: "Lists the SHA-256 of what was released, as JSON", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var all struct {
			Released []releasedJSON `json:"released"`
		}
		if err := ask(&gateway, http.MethodGet, "/gateway/released-uploads", &all); err != nil {
			return err
		}
		return host.PrintJSON(cmd.OutOrStdout(), all.Released)
	}
	return cmd
}

func revokeCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "revoke SHA256", Short: "Allows what was released no longer", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		sum, err := quarantine.ParseHash(args[0])
		if err != nil {
			return err
		}
		_, err = gateway.Call(http.MethodDelete, "/gateway/released-uploads/"+sum, nil, nil)
		return err
	}
	return cmd
}

func deleteCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "delete ID", Short: "Deletes a file; a release of it stays", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		_, err := gateway.Call(http.MethodDelete, at(args[0]), nil, nil)
		return err
	}
	return cmd
}

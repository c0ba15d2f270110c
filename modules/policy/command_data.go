package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/source"
)

const dataHelp = `
Data that stands over what the policy itself brings (its data.json), in the database, and so for all gateways that share it: within a second, and
also after a restart. Nothing is compiled, and no request waits.

A PATH is the names from the top of the data, separated by slashes: network/blocked is data.network.blocked. A slash in a name is written ~1,
a tilde ~0. A document stands whole in place of what is at its path.`

func dataCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "data COMMAND", Short: "Reads and pushes the data that the running gateway's policy decides by", Long: dataHelp, Args: host.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(dataGetCommand(), dataPutCommand(), dataPatchCommand(), dataRemoveCommand(), dataListCommand())
	return cmd
}

// dataURI is the route of a path, escaped.
func dataURI(path string) (string, error) {
	names, err := source.ParsePath(path)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(dataRoute + "/")
	for i, name := range names {
		if i > 0 {
			b.WriteByte('/')
		}
		// A name that is dots only would lead elsewhere if it were not escaped.
		b.WriteString(strings.ReplaceAll(url.PathEscape(name), ".", "%2E"))
	}
	return b.String(), nil
}

func dataGetCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "get [PATH]", Short: "Prints what the policy sees at a path, or all of it", Args: host.AtMost(1)}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		uri, err := dataURI(strings.Join(args, ""))
		if err != nil {
			return err
		}
		raw, err := gateway.Call(http.MethodGet, uri, nil, nil)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := json.Indent(&out, raw, "", "  "); err != nil {
			return fmt.Errorf("reading the gateway's answer: %w", err)
		}
		_, err = out.WriteTo(cmd.OutOrStdout())
		return err
	}
	return cmd
}

func dataPutCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "put PATH FILE|-", Short: "Stores a JSON document at a path", Args: host.ExactArgs(2)}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		document, err := readDocument(cmd, args[1])
		if err != nil {
			return err
		}
		return gateway.push(cmd, http.MethodPut, args[0], "application/json", document)
	}
	return cmd
}

func dataPatchCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "patch PATH FILE|-", Short: "Changes what is at a path", Args: host.ExactArgs(2)}
	cmd.Long = `Changes what the policy sees at a path, and stores the result there. A file that is an array is a JSON Patch (RFC 6902), all of which holds
or nothing; one that is an object is a JSON Merge Patch (RFC 7396), in which null removes.`
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		patch, err := readDocument(cmd, args[1])
		if err != nil {
			return err
		}
		kind := mergePatch
		if bytes.HasPrefix(bytes.TrimLeft(patch, " \t\r\n"), []byte("[")) {
			kind = jsonPatch
		}
		return gateway.push(cmd, http.MethodPatch, args[0], kind, patch)
	}
	return cmd
}

func dataRemoveCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "rm PATH", Short: "Takes away what was pushed at a path and below; what the policy itself has there is seen again", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return gateway.push(cmd, http.MethodDelete, args[0], "", nil)
	}
	return cmd
}

func dataListCommand() *cobra.Command {
	var gateway adminFlags
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists what was pushed", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		raw, err := gateway.Call(http.MethodGet, dataRoute, nil, nil)
		if err != nil {
			return err
		}
		if asJSON {
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		}
		var listed []source.Listed
		if err := json.Unmarshal(raw, &listed); err != nil {
			return fmt.Errorf("reading the gateway's answer: %w", err)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, l := range listed {
			fmt.Fprintf(w, "%s\t%d bytes\t%s\n", l.Path, l.Bytes, l.At.UTC().Format(time.RFC3339))
		}
		return w.Flush()
	}
	return cmd
}

// push sends a change, and prints the revision that is in force then.
func (f *adminFlags) push(cmd *cobra.Command, method, path, kind string, body []byte) error {
	uri, err := dataURI(path)
	if err != nil {
		return err
	}
	raw, err := f.Call(method, uri, http.Header{"Content-Type": {kind}}, bytes.NewReader(body))
	if err != nil {
		return err
	}
	var answer pushed
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "revision %s\n", answer.Revision)
	return err
}

// readDocument reads a file, or standard input, of JSON.
func readDocument(cmd *cobra.Command, name string) ([]byte, error) {
	raw, err := host.ReadInput(cmd, name, source.MaxDocument)
	if err == nil && !json.Valid(raw) {
		err = errors.New(name + " is no JSON")
	}
	return raw, err
}

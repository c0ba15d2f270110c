package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
)

func grantListCommand() *cobra.Command {
	var gateway adminFlags
	var filter grantFilter
	var limit int
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists grants", Args: host.NoArgs}
	gateway.Register(cmd)
	filter.register(cmd)
	cmd.Flags().IntVar(&limit, "limit", 0, "The most that are printed; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, `Print JSON, a grant on each line, as "import" reads it`)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 0 {
			return errors.New("--limit: write a number from 0 on")
		}
		out := bufio.NewWriter(cmd.OutOrStdout())
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		printed, headed := 0, asJSON
		err := gateway.grants(&filter, func(page grantsJSON) (bool, error) {
			if !headed { // only now: a gateway that does not answer has no list
				headed = true
				fmt.Fprintln(table, "SUBJECT\tRELATION\tOBJECT\tUNTIL\tSINCE")
			}
			for _, g := range page.Grants {
				if limit > 0 && printed == limit {
					fmt.Fprintln(cmd.ErrOrStderr(), "note: there are more")
					return true, nil
				}
				printed++
				if err := printGrant(lines, table, asJSON, g); err != nil {
					return true, err
				}
			}
			return false, errors.Join(table.Flush(), out.Flush())
		})
		return errors.Join(err, table.Flush(), out.Flush())
	}
	return cmd
}

func printGrant(lines *json.Encoder, table io.Writer, asJSON bool, g grantJSON) error {
	if asJSON {
		return lines.Encode(g)
	}
	when := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return t.Local().Format(time.DateTime)
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", terminal.Clean(g.Subject), terminal.Clean(g.Relation), terminal.Clean(g.Object), when(g.Expires), when(g.Since))
	return err
}

const (
	importBatch    = 500       // grants in one request, at most
	importBytes    = 128 << 10 // the same, of the lines: escaped, they still fit into a request
	mostImportLine = 4 << 10   // bytes of one line
)

func grantImportCommand() *cobra.Command {
	var gateway adminFlags
	var unknown bool
	cmd := &cobra.Command{
		Use: "import FILE|-", Short: "Adds many grants, as an application has them already", Args: host.ExactArgs(1),
		Long: `Adds grants from JSON lines: {"subject": "ursula", "relation": "owner", "object": "room:general"}, where "expires" may say when it ends. They are
added some hundred at a time, in order; what is there already stays, so that a file can be imported again after an error, which names the lines of
the batch that was refused.`,
	}
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&unknown, "unknown", false, "Names that no account has are meant so")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := cmd.InOrStdin()
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			in = f
		}
		n, err := importGrants(in, func(batch []grantJSON) error {
			return gateway.changeGrants(grantChange{Add: batch, Unknown: unknown})
		})
		fmt.Fprintf(cmd.OutOrStdout(), "%d imported\n", n)
		return err
	}
	return cmd
}

// importer adds grants in batches.
type importer struct {
	add         func([]grantJSON) error
	batch       []grantJSON
	bytes       int // of the batch's lines
	first, line int // of the batch, and the last that was read
	added       int
}

// importGrants reads JSON lines and adds them in batches. It returns how many were added.
func importGrants(in io.Reader, add func([]grantJSON) error) (int, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, mostImportLine), mostImportLine)
	im := &importer{add: add, first: 1}
	for lines.Scan() {
		im.line++
		if err := im.read(lines.Bytes()); err != nil {
			return im.added, err
		}
	}
	err := im.flush()
	if e := lines.Err(); e != nil {
		err = errors.Join(err, fmt.Errorf("after line %d: %w", im.line, e))
	}
	return im.added, err
}

func (im *importer) read(line []byte) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	g, err := readImported(line)
	if err != nil {
		return errors.Join(im.flush(), fmt.Errorf("line %d: %w", im.line, err))
	}
	im.batch = append(im.batch, g)
	if im.bytes += len(line); len(im.batch) == importBatch || im.bytes > importBytes {
		return im.flush()
	}
	return nil
}

func (im *importer) flush() error {
	if len(im.batch) > 0 {
		if err := im.add(im.batch); err != nil {
			return fmt.Errorf("lines %d to %d: %w", im.first, im.line, err)
		}
	}
	im.added += len(im.batch)
	im.batch, im.bytes, im.first = im.batch[:0], 0, im.line+1
	return nil
}

// readImported reads one line, strictly. What "list" says of when it was granted does not matter.
func readImported(line []byte) (g grantJSON, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&g); err != nil {
		return g, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return g, errors.New("something follows the grant")
	}
	g.Since = nil
	return g, nil
}

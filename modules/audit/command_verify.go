package audit

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/host"
)

const mostCheckpoint = 64 << 10

const verifyHelp = `
Reads the whole log and compares it with what was signed: with the checkpoints in it, with the last one that the database was told, and with those that are named
by --checkpoint, which were kept elsewhere: an event audit-checkpoint that an output took off the machine has one in gateway.audit.checkpoint. Says which events
were changed, removed, inserted or moved, and whether the end was cut off. Exit code 3 where anything was.

Whoever has the machine has its keys, and could write another log as a whole. Against that, only a checkpoint helps that was kept elsewhere.

With --proof it checks a proof that "audit prove" made, by the log's public key alone (--key).`

func verifyCommand() *cobra.Command {
	var w where
	var checkpoints []string
	var proof string
	var asJSON bool
	cmd := &cobra.Command{Use: "verify", Short: "Compares the log with what was signed", Long: verifyHelp, Args: host.NoArgs}
	w.flags(cmd)
	cmd.Flags().StringArrayVar(&checkpoints, "checkpoint", nil, "A file with a checkpoint that was kept elsewhere (may be repeated)")
	cmd.Flags().StringVar(&proof, "proof", "", "Check this proof in place of the log (- for standard input)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, _ []string) (bool, error) {
		if proof != "" {
			return w.checkProof(cmd, proof)
		}
		return w.verify(cmd, checkpoints, asJSON)
	})
	return cmd
}

func (w *where) verify(cmd *cobra.Command, checkpoints []string, asJSON bool) (found bool, err error) {
	f, ring, err := w.open()
	if err != nil {
		return false, err
	}
	var told []auditlog.Told
	for _, name := range checkpoints {
		raw, err := host.ReadInput(cmd, name, mostCheckpoint)
		if err != nil {
			return false, err
		}
		told = append(told, auditlog.Told{From: name, Note: string(raw)})
	}
	head, unasked := w.head(cmd, f.Origin)
	report, err := auditlog.Verify(f, append(told, auditlog.Told{From: "the database", Note: head})...)
	if err != nil {
		return false, err
	}
	if unasked != nil {
		report.Notes = append(report.Notes, "the database was not asked how far the log was: "+unasked.Error())
	}
	if ring == nil {
		report.Notes = append(report.Notes, "there is no key ring: events are checked by the tree alone")
	}
	if asJSON {
		err = host.PrintJSON(cmd.OutOrStdout(), report)
	} else {
		err = printReport(cmd.OutOrStdout(), report)
	}
	return len(report.Findings) > 0, err
}

// head is what the database was told. A copy of a log is checked without one.
func (w *where) head(cmd *cobra.Command, origin string) (checkpoint string, err error) {
	db, err := w.database(cmd.Context())
	if err != nil {
		return "", err
	}
	checkpoint, err = auditlog.Head(cmd.Context(), db, origin)
	return checkpoint, errors.Join(err, db.Close())
}

func printReport(out io.Writer, r *auditlog.Report) error {
	fmt.Fprintf(out, "log   %s\nkey   %s\nsize  %d events", r.Origin, r.Key, r.Size)
	if r.First > 0 {
		fmt.Fprintf(out, ", of which retention has removed %d", r.First)
	}
	fmt.Fprintf(out, "\nroot  %s\n", r.Root)
	for _, n := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(out, f)
	}
	if r.More > 0 {
		fmt.Fprintf(out, "and %d more\n", r.More)
	}
	if len(r.Findings) > 0 {
		_, err := fmt.Fprintln(out, "NOT what was signed")
		return err
	}
	_, err := fmt.Fprintf(out, "All of it is what was signed, in %d groups.\n", r.Groups)
	return err
}

// checkProof checks a proof. Without --key the key is that of the log, if one is here.
func (w *where) checkProof(cmd *cobra.Command, name string) (found bool, err error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return false, err
		}
		defer file.Close()
		in = file
	}
	p, err := auditlog.ReadProof(in)
	if err != nil {
		return false, err
	}
	var key note.Verifier
	if w.key != "" {
		key, err = note.NewVerifier(w.key)
	} else {
		var f *auditlog.Folder
		if f, _, err = w.open(); err == nil {
			key = f.Verifier
		}
	}
	if err != nil {
		return false, fmt.Errorf("the log's public key (--key): %w", err)
	}
	if err := p.Check(key); err != nil {
		_, print := fmt.Fprintf(cmd.OutOrStdout(), "NOT proved: %v\n", err)
		return true, print
	}
	if p.Earlier != "" {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "Proved: the earlier checkpoint is of the same log.")
		return false, err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Proved: event %d is in the log %s.\n%s\n", p.Index, key.Name(), p.Leaf)
	return false, err
}

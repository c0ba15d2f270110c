package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/host"
)

const exportHelp = `
Writes the events of the log, as they were, a JSON object a line, with their index (audit.index). What is personal is opened with the keys in the database; where
a person's key was destroyed, an event lacks it and has "audit.erased":true. With --sealed they are as they stand in the log, for which no keys are needed.`

func exportCommand() *cobra.Command {
	var w where
	var q auditlog.Query
	var since, until string
	var sealed bool
	cmd := &cobra.Command{Use: "export", Short: "Writes the events of the log", Long: exportHelp, Args: host.NoArgs}
	w.flags(cmd)
	cmd.Flags().Int64Var(&q.From, "from", 0, "From this index on")
	cmd.Flags().Int64Var(&q.To, "to", 0, "Before this index")
	cmd.Flags().StringVar(&since, "since", "", "From this time on: 2026-11-27, or RFC 3339")
	cmd.Flags().StringVar(&until, "until", "", "Before this time")
	cmd.Flags().BoolVar(&sealed, "sealed", false, "As they stand in the log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		for _, t := range []struct {
			text string
			to   *time.Time
		}{{since, &q.Since}, {until, &q.Until}} {
			if *t.to, err = parseTime(t.text); err != nil {
				return err
			}
		}
		p, end, err := w.printer(cmd, sealed)
		if err != nil {
			return err
		}
		return errors.Join(p.folder.Read(q, p.print), p.out.Flush(), end())
	}
	return cmd
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time, as 2026-11-27 or 2026-11-27T12:00:00Z", s)
}

// printer writes events.
type printer struct {
	ctx    context.Context
	folder *auditlog.Folder
	keys   auditlog.Keys // nil: they are written sealed
	out    *bufio.Writer
	line   []byte
	next   int64 // behind the last one that was written
}

func (w *where) printer(cmd *cobra.Command, sealed bool) (p *printer, end func() error, err error) {
	p, end = &printer{ctx: cmd.Context(), out: bufio.NewWriter(cmd.OutOrStdout())}, func() error { return nil }
	if sealed {
		p.folder, _, err = w.open()
	} else {
		p.folder, p.keys, end, err = w.reader(cmd.Context())
	}
	return p, end, err
}

func (p *printer) print(l *auditlog.Leaf) (err error) {
	p.line = append(p.line[:0], l.Line...)
	if p.keys != nil {
		if p.line, err = p.folder.Plain(p.ctx, p.line[:0], l, p.keys); err != nil {
			return err
		}
	}
	p.next = l.Index + 1
	_, err = p.out.Write(append(p.line, '\n'))
	return err
}

const (
	tailEvery = 500 * time.Millisecond
	mostTail  = 100_000
)

func tailCommand() *cobra.Command {
	var w where
	var follow, sealed bool
	var count int64
	cmd := &cobra.Command{Use: "tail", Short: "Writes the last events of the log", Long: "Writes the last events of the log, as \"audit export\" does.", Args: host.NoArgs}
	w.flags(cmd)
	cmd.Flags().Int64VarP(&count, "lines", "n", 10, "How many")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "Go on with those that come")
	cmd.Flags().BoolVar(&sealed, "sealed", false, "As they stand in the log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if count < 0 || count > mostTail {
			return fmt.Errorf("--lines: it is a number up to %d", mostTail)
		}
		p, end, err := w.printer(cmd, sealed)
		if err != nil {
			return err
		}
		return errors.Join(p.tail(count, follow), end())
	}
	return cmd
}

// tail writes the last events, and where follow is set those that come, until the reader is gone or the command is ended.
func (p *printer) tail(count int64, follow bool) error {
	size, err := p.folder.Size()
	if err != nil {
		return err
	}
	p.next = max(size-count, 0)
	for {
		err := errors.Join(p.folder.Read(auditlog.Query{From: p.next}, p.print), p.out.Flush())
		if err != nil || !follow {
			if errors.Is(err, io.ErrClosedPipe) {
				return nil
			}
			return err
		}
		select {
		case <-time.After(tailEvery):
		case <-p.ctx.Done():
			return nil
		}
	}
}

package ratelimit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func statusCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	cmd := &cobra.Command{Use: "status KEY...", Short: "Says where somebody stands in each zone of the running gateway", Args: host.AtLeast(1)}
	cmd.Long = `Says where somebody stands in each zone of the running gateway, and charges nothing.

KEY says who, by the words of a zone's key, and several say more of one request:
  ` + strings.ReplaceAll(describeHelp, ", ", "\n  ") + `

What a request lacks is counted by its client, as the gateway does it: client=192.0.2.1 alone is a request of nobody from there. Zones whose store does not answer
are an error, also with --json.`
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON for programs")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := describe(args); err != nil {
			return err
		}
		question, err := json.Marshal(map[string]any{"key": args})
		if err != nil {
			return fmt.Errorf("asking the gateway: %w", err)
		}
		raw, err := gateway.Call(http.MethodPost, "/gateway/limits/status", nil, bytes.NewReader(question))
		if err != nil {
			return err
		}
		err = printAnswer(cmd.OutOrStdout(), raw, asJSON, func(w io.Writer, a answer) {
			asked := slices.DeleteFunc(slices.Clone(a.Zones), func(s standing) bool { return s.Error != "" })
			if len(asked) > 0 || len(a.Zones) == 0 {
				printStatus(w, asked)
			}
		})
		if err != nil {
			return err
		}
		cmd.SilenceUsage = true // the command was written rightly
		return unasked(raw)
	}
	return cmd
}

// unasked says once why zones could not be asked: the store that is away is all of theirs.
func unasked(raw []byte) error {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	var names []string
	var why string
	for _, s := range a.Zones {
		if s.Error != "" {
			names, why = append(names, s.Zone), cmp.Or(why, s.Error)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("%s could not be asked: %s", strings.Join(names, ", "), why)
}

func topCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	var zone, by string
	var n int
	cmd := &cobra.Command{Use: "top", Short: "Says whom the running gateway refused the most, or who spent the most", Args: host.NoArgs}
	cmd.Long = `Says whom the running gateway refused the most, or with --by spent who was charged the most: on this node, in the last minutes, since counts halve every
ten. It is kept in a fixed space, so a count may be a little too high, and what was spent is told from one request in thirteen. Users show by their id;
headers, members of bodies, sessions and tokens as a digest.`
	gateway.Register(cmd)
	cmd.Flags().StringVar(&by, "by", "refused", "What is counted: refused or spent")
	cmd.Flags().StringVar(&zone, "zone", "", "Of this zone alone")
	cmd.Flags().IntVarP(&n, "number", "n", 20, "How many")
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON for programs")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if by != "refused" && by != "spent" {
			return errors.New("--by is refused or spent")
		}
		q := url.Values{"by": {by}, "zone": {zone}, "n": {strconv.Itoa(n)}}
		raw, err := gateway.Call(http.MethodGet, "/gateway/limits/top?"+q.Encode(), nil, nil)
		if err != nil {
			return err
		}
		return printAnswer(cmd.OutOrStdout(), raw, asJSON, func(w io.Writer, a answer) { printTop(w, a.Top, by) })
	}
	return cmd
}

// answer is what the gateway says to either question.
type answer struct {
	Zones []standing `json:"zones"`
	Top   []ranked   `json:"top"`
}

func printAnswer(w io.Writer, raw []byte, asJSON bool, table func(io.Writer, answer)) error {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	if asJSON {
		_, err := w.Write(raw)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	table(t, a)
	return t.Flush()
}

func printStatus(w io.Writer, zones []standing) {
	fmt.Fprintln(w, "ZONE\tLIMIT\tCOUNTED BY\tREMAINING\tALL FREE IN\tNEXT IN")
	for _, s := range zones {
		name := s.Zone
		if s.Tier != "" {
			name += " (" + s.Tier + ")"
		}
		if s.Shadow {
			name += " (shadow)"
		}
		if s.Level != "" {
			name += " (" + s.Level + ": a quarter)"
		}
		if s.Unknown != "" {
			fmt.Fprintf(w, "%s\t%s\t%s\t-\t-\t%s\n", name, s.Limit, strings.Join(s.CountedBy, " "), s.Unknown)
			continue
		}
		next := "now"
		switch {
		case s.Refused && s.RetryAfter == 0:
			next = "never"
		case s.Refused:
			next = fmt.Sprintf("%gs", s.RetryAfter)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%gs\t%s\n", name, s.Limit, strings.Join(s.CountedBy, " "), s.Remaining, s.Reset, next)
	}
}

func printTop(w io.Writer, list []ranked, by string) {
	if len(list) == 0 {
		fmt.Fprintln(w, map[string]string{"refused": "nobody was refused lately", "spent": "nobody was charged lately (of what is admitted one request in thirteen is looked at)"}[by])
		return
	}
	fmt.Fprintln(w, "COUNT\tZONE\tWHO")
	for _, r := range list {
		count := strconv.FormatInt(r.Count, 10)
		if r.Spread > 0 {
			count = fmt.Sprintf("%d-%d", r.Count-r.Spread, r.Count)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", count, r.Zone, strings.Join(r.Who, " "))
	}
}

package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "grant",
		Usage:     "add|rm|list|check|import",
		Short:     "Manages who stands in which relation to what",
		Long:      grantHelp,
		CobraFunc: grantCommand,
	})
}

const grantHelp = `
Adds, removes, lists and checks grants (ursula owner room:general) of a running gateway, over its admin address: each change is an event, and
holds in the whole fleet within a second.

SUBJECT is a user name, '*' for everyone who is signed in (in quotes, for the shell's sake), or for the relation "parent" the object that holds
another. OBJECT is type:id.`

func grantCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(grantAddCommand(), grantRemoveCommand(), grantListCommand(), grantCheckCommand(), grantImportCommand())
	host.Describe(cmd, grantHelps())
}

func grantAddCommand() *cobra.Command {
	var gateway adminFlags
	var change grantChange
	var life time.Duration
	var until string
	cmd := &cobra.Command{
		Use: "add SUBJECT RELATION OBJECT", Short: "Adds a grant, for good or for a while", Args: host.ExactArgs(3),
		Long: `Adds a grant. One that is there already holds until the later of the two ends.`,
	}
	gateway.Register(cmd)
	cmd.Flags().DurationVar(&life, "for", 0, "How long it holds, as 8h; default: for good")
	cmd.Flags().StringVar(&until, "until", "", "Until when it holds, as 2030-12-31T18:00:00Z")
	cmd.Flags().BoolVar(&change.Unknown, "unknown", false, "The name is meant so, although no account has it")
	cmd.MarkFlagsMutuallyExclusive("for", "until")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		g := grantJSON{Subject: args[0], Relation: args[1], Object: args[2]}
		switch {
		case cmd.Flags().Changed("for") && life <= 0:
			return errors.New("--for: write a duration above zero")
		case life > 0:
			end := time.Now().Add(life)
			g.Expires = &end
		case until != "":
			end, err := time.Parse(time.RFC3339, until)
			if err != nil {
				return errors.New("--until: write a time as 2030-12-31T18:00:00Z")
			}
			g.Expires = &end
		}
		change.Add = []grantJSON{g}
		return gateway.changeGrants(change)
	}
	return cmd
}

// changeGrants has the running gateway change grants.
func (f *adminFlags) changeGrants(c grantChange) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing the change: %w", err)
	}
	_, err = f.Call(http.MethodPost, "/gateway/grants", nil, bytes.NewReader(raw))
	return err
}

// grantFilter says which grants are meant.
type grantFilter struct{ subject, relation, object, kind string }

func (f *grantFilter) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.subject, "subject", "", "Only those of this name, or '*'")
	cmd.Flags().StringVar(&f.relation, "relation", "", "Only those of this relation")
	cmd.Flags().StringVar(&f.object, "object", "", "Only those on this object, as room:general")
	cmd.Flags().StringVar(&f.kind, "type", "", "Only those on objects of this type, as room")
}

func (f *grantFilter) query(limit int, after string) string {
	v := url.Values{"limit": {fmt.Sprint(limit)}}
	for name, value := range map[string]string{"subject": f.subject, "relation": f.relation, "object": f.object, "type": f.kind, "after": after} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "/gateway/grants?" + v.Encode()
}

// grants lists page by page: each gets one, until it is the last or each says that it is enough.
func (f *adminFlags) grants(filter *grantFilter, each func(grantsJSON) (enough bool, err error)) error {
	for after := ""; ; {
		raw, err := f.Call(http.MethodGet, filter.query(grant.MaxPage, after), nil, nil)
		if err != nil {
			return err
		}
		var page grantsJSON
		if err := json.Unmarshal(raw, &page); err != nil {
			return fmt.Errorf("reading the gateway's answer: %w", err)
		}
		enough, err := each(page)
		if after = page.Next; err != nil || enough || after == "" {
			return err
		}
	}
}

func grantRemoveCommand() *cobra.Command {
	var gateway adminFlags
	var filter grantFilter
	cmd := &cobra.Command{
		Use: "rm SUBJECT RELATION OBJECT", Short: "Removes a grant, or all that fit", Args: cobra.MatchAll(host.AtMost(3), oneOrAll),
		Long: `Removes a grant. Instead of naming one, --subject and --object, which --relation and --type narrow, remove all that fit: --subject ursula takes
everything from her. These are removed some hundred at a time; a command that is interrupted can be given again.`,
	}
	gateway.Register(cmd)
	filter.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 3 {
			return gateway.changeGrants(grantChange{Remove: []grantJSON{{Subject: args[0], Relation: args[1], Object: args[2]}}})
		}
		n, err := gateway.removeAll(&filter)
		if err != nil {
			return fmt.Errorf("after %d were removed: %w", n, err)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d removed\n", n)
		return err
	}
	return cmd
}

// removeBatch is how many grants are removed by one request.
const removeBatch = 200

// removeAll removes what fits. It looks from the beginning each time: what was there is gone.
func (f *adminFlags) removeAll(filter *grantFilter) (n int, err error) {
	for left := true; left && err == nil; {
		err = f.grants(filter, func(page grantsJSON) (bool, error) {
			left = page.Next != ""
			for batch := range slices.Chunk(page.Grants, removeBatch) {
				for i := range batch {
					batch[i].Expires, batch[i].Since = nil, nil
				}
				if err := f.changeGrants(grantChange{Remove: batch}); err != nil {
					return true, err
				}
				n += len(batch)
			}
			return true, nil
		})
	}
	return n, err
}

// oneOrAll wants either a whole grant or a subject or an object whose grants are meant.
func oneOrAll(cmd *cobra.Command, args []string) error {
	filtered := slices.ContainsFunc([]string{"subject", "relation", "object", "type"}, cmd.Flags().Changed)
	given := func(name string) bool { return cmd.Flags().Lookup(name).Value.String() != "" }
	switch {
	case slices.Contains(args, ""): // to the gateway it means any
		return errors.New("a part of the grant is empty")
	case len(args) == 3 && !filtered, len(args) == 0 && (given("subject") || given("object")):
		return nil
	}
	return errors.New("name a grant as SUBJECT RELATION OBJECT, or say by --subject or --object whose are removed")
}

func grantCheckCommand() *cobra.Command {
	var gateway adminFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check SUBJECT OBJECT [RELATION]", Short: "Says how somebody stands to something", Args: host.Between(2, 3),
		Long: `Prints the relations that a decision would see: those of the subject and of everyone, to the object and to the one that holds it. The exit code is
3 where there are none, or not the one asked for on the object.`,
	}
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		raw, err := gateway.Call(http.MethodGet, "/gateway/grants/check?"+url.Values{"subject": {args[0]}, "object": {args[1]}}.Encode(), nil, nil)
		if err != nil {
			return false, err
		}
		var got struct {
			Relations       []string `json:"relations"`
			Parent          string   `json:"parent"`
			ParentRelations []string `json:"parent_relations"`
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			return false, fmt.Errorf("reading the gateway's answer: %w", err)
		}
		lacks := len(got.Relations)+len(got.ParentRelations) == 0
		if len(args) == 3 {
			lacks = !slices.Contains(got.Relations, args[2])
		}
		out := cmd.OutOrStdout()
		if asJSON {
			_, err = out.Write(raw)
			return lacks, err
		}
		lines := fmt.Sprintf("%s: %s\n", terminal.Clean(args[1]), relationsText(got.Relations))
		if got.Parent != "" {
			lines += fmt.Sprintf("in %s: %s\n", terminal.Clean(got.Parent), relationsText(got.ParentRelations))
		}
		_, err = fmt.Fprint(out, lines)
		return lacks, err
	})
	return cmd
}

func relationsText(relations []string) string {
	if len(relations) == 0 {
		return "none"
	}
	return terminal.Clean(strings.Join(relations, ", "))
}

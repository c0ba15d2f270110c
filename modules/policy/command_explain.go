package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/rawrequest"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const explainHelp = `Says which rule allows or denies, by file and line, and of a denial what was tried and where it did not hold. What is explained is

  METHOD PATH    a request, as the routes of the running gateway have it and with what is granted now; --user says who sends it
  FILE or "-"    a raw HTTP request (likewise), or an input document (JSON): decided by --policy, else by the policy that is compiled in,
                 or with --running by the running gateway
  --event ID EVENTS…
                 decisions that events tell of, by the id of the request or of the decision: from the input, where the event holds
                 it, else anew by the running gateway
  --event ID --captured [CAPTURE…]
                 decisions whose inputs the gateway captured, as of the time they were made, by the same policies as an input document;
                 --config or --data says which gateway

--policy FOLDER|BUNDLE decides by another policy than the one in force: a candidate. It knows no grants but those of the request's resource.

The exit code is 3 where something is denied.`

// explainFlags say what is explained.
type explainFlags struct {
	gateway adminFlags
	uses    policyFlags
	who     who
	at      string

	folder, event, handler, hostname string
	body, messageIn, messageOut      string
	running, trace, asJSON, captured bool

	folders host.Place
}

func explainCommand() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{Use: "explain METHOD PATH | FILE | --event ID EVENTS…", Short: "Says which rule allows or denies a request, and why", Long: explainHelp}
	f.gateway.Register(cmd)
	f.uses.register(cmd)
	f.folders.FolderFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.folder, "policy", "p", "", "Decide by the policy in this folder or bundle")
	flags.BoolVar(&f.running, "running", false, "Have the running gateway decide about an input document, or a captured one")
	flags.BoolVar(&f.trace, "trace", false, "Print every step, too")
	flags.BoolVar(&f.asJSON, "json", false, "Print JSON")
	flags.StringVar(&f.event, "event", "", "The id of a request or of a decision in events")
	flags.BoolVar(&f.captured, "captured", false, "Look for the event's decision in captures")
	flags.StringVarP(&f.who.Name, "user", "u", "", "The user name of who sends the request; without it nobody is signed in")
	flags.StringSliceVar(&f.who.Roles, "roles", nil, "Roles in place of the account's; with them there need be no such account")
	flags.BoolVar(&f.who.SecondFactor, "mfa", false, "The person has just given a second factor")
	flags.StringSliceVar(&f.who.Scopes, "scopes", nil, "Scopes that the token is limited to")
	flags.BoolVar(&f.who.BreakGlass, "break-glass", false, "The session has emergency access")
	flags.StringVar(&f.who.IP, "ip", "", "The address that the request comes from")
	flags.StringVar(&f.who.Country, "country", "", "The country of the address")
	flags.StringVar(&f.at, "at", "", "When it is sent (RFC 3339), if not now")
	flags.StringVar(&f.hostname, "host", "localhost", "The host that the request is for")
	flags.StringVar(&f.handler, "handler", "", "The gw_authorize with this audience, where there are several")
	flags.StringVar(&f.body, "body", "", "The file with the JSON that is sent")
	flags.StringVar(&f.messageIn, "message", "", "The file with a message that the client sends on the socket that the request opens")
	flags.StringVar(&f.messageOut, "message-out", "", "The file with a message that the back end sends on it")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		list, err := f.explain(cmd, args)
		if err != nil {
			return false, err
		}
		if f.asJSON {
			err = host.PrintJSON(cmd.OutOrStdout(), map[string]any{"answers": list})
		} else {
			err = printExplained(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()), list)
		}
		return anyDenied(list), err
	})
	return cmd
}

func anyDenied(list []explained) bool {
	for _, x := range list {
		if x.Unasked != "" || x.Decision != nil && !x.Decision.Allow {
			return true
		}
	}
	return false
}

func (f *explainFlags) explain(cmd *cobra.Command, args []string) ([]explained, error) {
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return nil, fmt.Errorf("--at: %w", err)
		}
		f.who.At = at
	}
	switch {
	case f.captured && f.event == "":
		return nil, errors.New("--captured looks for a decision: --event names it")
	case f.captured:
		return f.explainCaptured(cmd, args)
	case f.event != "":
		return f.explainEvents(cmd, args)
	case len(args) == 2:
		return f.explainAsked(cmd, &askedRequest{Method: args[0], Path: args[1], Host: f.hostname})
	case len(args) != 1:
		return nil, errors.New("name a request (METHOD PATH), a file, or an event (--event)")
	}
	raw, err := host.ReadInput(cmd, args[0], mostQuestion/2) // which grows in JSON
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return f.explainInput(cmd, args[0], raw)
	}
	r, notes, err := rawrequest.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	for _, n := range notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "note:", terminal.Clean(n))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	return f.explainAsked(cmd, &askedRequest{Method: r.Method, Path: r.RequestURI, Host: r.Host, Body: body, ContentType: r.Header.Get("Content-Type")})
}

// explainAsked has the running gateway say what would be asked, and decide unless another policy does.
func (f *explainFlags) explainAsked(cmd *cobra.Command, asked *askedRequest) (list []explained, err error) {
	asked.Handler = f.handler
	if f.body != "" {
		if asked.Body, err = os.ReadFile(f.body); err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
		asked.ContentType = "application/json"
	}
	for direction, name := range map[string]string{"in": f.messageIn, "out": f.messageOut} {
		if name == "" {
			continue
		}
		if asked.Direction != "" {
			return nil, errors.New("one message at a time: --message or --message-out")
		}
		asked.Direction = direction
		if asked.Message, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("reading the message: %w", err)
		}
	}
	return f.ask(cmd, &question{Request: asked, Who: f.who})
}

// ask has the running gateway answer. By another policy it only says what would be asked.
func (f *explainFlags) ask(cmd *cobra.Command, q *question) ([]explained, error) {
	q.Trace, q.Bare = f.trace, f.folder != ""
	raw, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("writing the question: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	raw, err = f.gateway.Call(http.MethodPost, "/gateway/policy/explain", header, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Answers []explained `json:"answers"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("reading the gateway's answer: %w", err)
	}
	if !q.Bare {
		return answer.Answers, nil
	}
	for i := range answer.Answers {
		if x := &answer.Answers[i]; x.Input != nil && x.Decision == nil { // where there is one, no policy is asked
			if err := f.decide(cmd, x, "the gateway's input"); err != nil {
				return nil, err
			}
		}
	}
	return answer.Answers, nil
}

// explainInput decides about a document; of OPA's decision log, about what its member input is.
func (f *explainFlags) explainInput(cmd *cobra.Command, name string, raw []byte) ([]explained, error) {
	var entry struct {
		Input json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if entry.Input != nil {
		raw = entry.Input
	}
	unknown, err := engine.Unknown(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(unknown) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %s has what no gateway gives: %s\n", name, terminal.Clean(strings.Join(unknown, ", ")))
	}
	if f.running {
		if f.folder != "" {
			return nil, errors.New("the running gateway decides, or the policy in a folder: --running or --policy")
		}
		return f.ask(cmd, &question{Input: raw, Who: f.who})
	}
	x := explained{Input: raw}
	if err := f.decide(cmd, &x, name); err != nil {
		return nil, err
	}
	return []explained{x}, nil
}

// decide decides about an input, which errors call name, without a gateway.
func (f *explainFlags) decide(cmd *cobra.Command, x *explained, name string) error {
	doc, err := parseInput(x.Input)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s, err := compilePolicy(cmd, f.folder, &f.uses)
	if err != nil {
		return err
	}
	d, why, err := s.Explain(cmd.Context(), doc, engine.Options{Timeout: explainTimeout, Now: f.who.At}, f.trace)
	x.Decision, x.Explanation, x.Revision, x.From, x.Digest = told(d, err), why, s.Revision, f.folder, engine.Digest(doc)
	if x.From == "" {
		x.From = builtIn
	}
	return nil
}

// folderOf is what stands before the names of a policy's files.
func folderOf(from string) string {
	if strings.HasPrefix(from, builtIn) || strings.Contains(from, "://") {
		return ""
	}
	return from
}

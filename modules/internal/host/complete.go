package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/terminal"
)

const (
	completeWithin = time.Second // somebody waits at the keyboard
	mostComplete   = 4 << 20     // bytes of an answer
	mostRows       = 200
)

// Words are what a shell may offer for a place of the command line.
type Words struct {
	files bool
	list  func(cmd *cobra.Command) []cobra.Completion
}

// Files offers files and folders, as shells do by themselves.
func Files() Words { return Words{files: true} }

// Choice offers these words.
func Choice(words ...string) Words {
	return Words{list: func(*cobra.Command) []cobra.Completion { return words }}
}

// Rows offers the rows of a view of the running gateway: the texts of one column, each with what another one says about it ("": nothing). Where no
// gateway answers within a second, nothing is offered.
func Rows(view, column, about string) Words {
	return Listed("/gateway/views/"+url.PathEscape(view), "rows", column, about)
}

// Listed is Rows of any list that an admin route answers, as that member.
func Listed(route, member, column, about string) Words {
	return Words{list: func(cmd *cobra.Command) []cobra.Completion {
		raw, err := askBriefly(cmd, fmt.Sprintf("%s?limit=%d", route, mostRows))
		if err != nil {
			return nil // no gateway runs, or it is slow: nothing is offered, and the shell says nothing of it
		}
		return rows(raw, member, column, about)
	}}
}

// And offers what both do.
func (w Words) And(more Words) Words {
	return Words{files: w.files || more.files, list: func(cmd *cobra.Command) []cobra.Completion {
		all := w.all(cmd)
		for _, c := range more.all(cmd) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
		return all
	}}
}

func (w Words) all(cmd *cobra.Command) []cobra.Completion {
	if w.list == nil {
		return nil
	}
	return slices.Clone(w.list(cmd))
}

// complete is a cobra.CompletionFunc.
func (w Words) complete(cmd *cobra.Command, given []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	directive := cobra.ShellCompDirectiveNoFileComp
	if w.files {
		directive = cobra.ShellCompDirectiveDefault
	}
	all := w.all(cmd)
	return slices.DeleteFunc(all, func(c cobra.Completion) bool {
		word, _, _ := strings.Cut(c, "\t")
		return !strings.HasPrefix(word, begin) || slices.Contains(given, word)
	}), directive
}

func rows(raw []byte, member, column, about string) (words []cobra.Completion) {
	var page map[string]json.RawMessage
	var list []map[string]any
	if json.Unmarshal(raw, &page) != nil || json.Unmarshal(page[member], &list) != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, row := range list {
		told := strings.Join(texts(row[about]), " ")
		for _, word := range texts(row[column]) {
			if word == "" || seen[word] || word != terminal.Clean(word) || strings.ContainsAny(word, "\t\n ") {
				continue // nothing that a shell would read otherwise
			}
			seen[word] = true
			if told != "" {
				word += "\t" + terminal.Clean(told)
			}
			words = append(words, word)
		}
	}
	return words
}

// texts are the texts of a cell: of one, or of a list.
func texts(cell any) (all []string) {
	switch v := cell.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			all = append(all, texts(item)...)
		}
	}
	return all
}

// askBriefly asks the admin endpoint that the command's flags name, for as long as somebody at a keyboard waits.
func askBriefly(cmd *cobra.Command, uri string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	flag := func(name string) string {
		if f := cmd.Flag(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	address := flag("address")
	if data := flag("data"); address == "" && data != "" {
		address = "unix/" + filepath.Join(data, "admin.sock") // where the demo and the shipped Caddyfiles have it
	}
	address, err := caddycmd.DetermineAdminAPIAddress(address, nil, flag("config"), flag("adapter"))
	if err != nil {
		return nil, fmt.Errorf("finding the admin address: %w", err)
	}
	at, err := caddy.ParseNetworkAddress(address)
	if err != nil || at.PortRangeSize() > 1 {
		return nil, fmt.Errorf("no admin address: %s", address)
	}
	origin, dial := "http://"+at.JoinHostPort(0), at.JoinHostPort(0)
	if at.IsUnixNetwork() {
		origin = "http://127.0.0.1"
		dial, _, _ = strings.Cut(at.Host, "|") // without the socket's mode
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+uri, nil)
	if err != nil {
		return nil, err
	}
	if !at.IsUnixNetwork() {
		r.Header.Set("Origin", origin) // over a Unix socket Caddy knows no origin, and refuses whoever names one
	}
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, at.Network, dial)
	}}
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the gateway answers %d", resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, mostComplete))
}

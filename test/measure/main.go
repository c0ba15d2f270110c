// Command measure says what the WAF refuses: of 10,000 sentences that people wrote, posted as chat messages (nothing should be), of the
// attacks of the Core Rule Set's own tests, put into such messages, and of the sets in ../shared/data: GoTestWAF's requests and the HTTP
// parameters. The gateway runs as it is shipped; what it refused, and by which rules, is read from its own security events.
//
// And it says how many people sign in a second, in how much memory, and how long lookups take with a million accounts; and what a push of
// 50 MiB of policy data does to the requests beside it. And whether limits hold for a minute, over one Redis, a Cluster whose slots move, and through
// a fail-over; and what clients see while Redis is in trouble.
//
//	go run ./test/measure [-data DIR] [-only chat,gotestwaf,httpparams,identity,policy,limits]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/attacks"
	"github.com/convosphere/gateway/test/kit"
)

type options struct {
	sentences, params int
	data, cache       string
	accounts          int
	loginFor          time.Duration
	limitsFor         time.Duration
	only              []string
}

func main() {
	var o options
	var only string
	flag.IntVar(&o.sentences, "sentences", 10_000, "sentences to post; the same ones each time")
	flag.IntVar(&o.params, "params", 5_000, "HTTP parameters to send, 0: all")
	flag.StringVar(&o.data, "data", "", "folder of the sets; default ../shared/data beside the repository")
	flag.StringVar(&o.cache, "cache", "", "folder that keeps the corpus; default in the user's cache")
	flag.IntVar(&o.accounts, "accounts", 1_000_000, "accounts to look up among; living sessions are a fifth")
	flag.DurationVar(&o.loginFor, "logins", 20*time.Second, "how long to sign in")
	flag.DurationVar(&o.limitsFor, "limits", time.Minute, "how long clients press against a limit")
	flag.StringVar(&only, "only", "chat,gotestwaf,httpparams,identity,policy,limits", "what to measure")
	flag.Parse()
	o.only = strings.Split(only, ",")

	t := kit.NewSuite("measure")
	t.Run(func() { run(t, o) })
	t.Close()
	if t.Failed() {
		os.Exit(1)
	}
}

func run(t kit.T, o options) {
	root := kit.Root(t)
	if o.data == "" {
		o.data = filepath.Join(root, "..", "shared", "data")
	}
	if o.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir()
		}
		o.cache = filepath.Join(dir, "convosphere-measure")
	}
	if slices.Contains(o.only, "identity") {
		identity(t, o)
	}
	if slices.Contains(o.only, "policy") {
		reloads(t)
	}
	if slices.Contains(o.only, "limits") {
		limits(t, o.limitsFor)
	}
	if !slices.ContainsFunc(o.only, func(part string) bool { return !slices.Contains([]string{"identity", "policy", "limits"}, part) }) {
		return
	}
	alone := startGateway(t, "paranoia-1", "")
	if slices.Contains(o.only, "chat") {
		chat(t, o, alone, startGateway(t, "chat", "rules_file "+profile(root)))
	}
	if slices.Contains(o.only, "gotestwaf") {
		gotestwaf(t, filepath.Join(o.data, "gotestwaf"), alone, startGateway(t, "paranoia-2", "paranoia 2"))
	}
	if slices.Contains(o.only, "httpparams") {
		httpparams(t, filepath.Join(o.data, "httpparams", "payload_full.csv"), o.params, alone)
	}
}

// profile is the shipped rules for the chat.
func profile(root string) string { return filepath.Join(root, "caddyfiles", "chat-waf.conf") }

// chat posts the sentences and the attacks as messages, with the Core Rule Set alone and with the chat's profile.
func chat(t kit.T, o options, alone, profiled *gateway) {
	all, err := fetchBrown(o.cache)
	if err != nil {
		t.Fatalf("the sentences: %v", err)
	}
	some := pick(all, o.sentences)
	for _, form := range []struct {
		title string
		text  func(sentence) string
	}{
		{"as people write them", func(s sentence) string { return s.written }},
		{"as the corpus has them, in tokens", func(s sentence) string { return s.tokens }},
	} {
		var messages []request
		for _, s := range some {
			messages = append(messages, message(form.text(s)))
		}
		fmt.Printf("\n%d sentences of %s as chat messages, paranoia level 1, %s\n", len(some), brownPackage, form.title)
		before, after := alone.send(t, messages), profiled.send(t, messages)
		printRules(before, after)
		met := "met"
		if share(after) >= falsePositives {
			met = "missed"
		}
		fmt.Printf("aim, with the chat profile under %.1f%%: %s (%.2f%%)\n", falsePositives*100, met, share(after)*100)
	}

	payloads, err := attacks.All()
	if err != nil {
		t.Fatalf("the attacks: %v", err)
	}
	before, after := alone.send(t, messagesOf(payloads)), profiled.send(t, messagesOf(payloads))
	fmt.Printf("\nAttacks of the Core Rule Set's tests as chat messages: of %d texts the Core Rule Set alone refuses %d, with the chat profile %d; lost: %d\n",
		len(payloads), refused(before), refused(after), len(lost(payloads, before, after)))
}

// falsePositives is the share of sentences that may be refused with the chat profile.
const falsePositives = 0.003

// message is a chat message as the page sends it.
func message(text string) request {
	return request{method: "POST", target: "/api/rooms/general/messages", contentType: "application/json", body: `{"text":` + attacks.JSON(text) + `}`}
}

func messagesOf(payloads []attacks.Payload) (all []request) {
	for _, p := range payloads {
		all = append(all, message(p.Text))
	}
	return all
}

// lost names the attacks that were refused before and no longer are.
func lost(payloads []attacks.Payload, before, after []answer) (all []string) {
	for i, p := range payloads {
		if before[i].refused() && !after[i].refused() {
			all = append(all, fmt.Sprintf("%s %q, by %v before", p, p.Text, before[i].rules))
		}
	}
	return all
}

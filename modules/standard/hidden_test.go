package standard

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/caddyfiles"
	"github.com/convosphere/gateway/modules/gateway/configs"
	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func adapted(t *testing.T, name string, text []byte) []byte {
	t.Helper()
	raw, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": name})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return raw
}

// withSecrets is the Caddyfile of all secrets, each of them a word that begins like that: no digit, no length and no form tells what it is.
func withSecrets(t *testing.T, begin string) (config []byte, words []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/secrets.Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "\n") // the first line tells of it
	body = regexp.MustCompile("SECRET").ReplaceAllStringFunc(body, func(string) string {
		n := len(words)
		words = append(words, begin+string([]byte{'a' + byte(n/26), 'a' + byte(n%26)}))
		return words[n]
	})
	config = adapted(t, "secrets.Caddyfile", []byte(body))
	for _, w := range words {
		if !bytes.Contains(config, []byte(w)) {
			t.Fatalf("%s is not in the configuration: the test would show nothing", w)
		}
	}
	return config, words
}

func book(t *testing.T) (configs.Book, string) {
	t.Helper()
	data := t.TempDir()
	keys, err := keyring.Open(filepath.Join(data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return configs.Book{Dir: filepath.Join(data, "configurations"), Keys: keys}, data
}

func configCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := &cobra.Command{Use: "config", SilenceUsage: true}
	caddycmd.Commands()["config"].CobraFunc(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String()
}

// Whoever may look at configurations learns no secret from them, wherever an operator can put one.
func TestConfigurationsShowNoSecret(t *testing.T) {
	b, data := book(t)
	first, secrets := withSecrets(t, "hazel")
	second, others := withSecrets(t, "maple")
	for i, c := range [][]byte{first, second} {
		if _, _, err := b.Keep(json.RawMessage(c), time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]string{
		"show": configCommand(t, "show", "1", "--data", data), "show the newest": configCommand(t, "show", "--data", data),
		"diff": configCommand(t, "diff", "1", "2", "--data", data),
	}
	for name, out := range all {
		for _, w := range append(secrets, others...) {
			for line := range strings.Lines(out) {
				if strings.Contains(line, w) {
					t.Errorf("%s tells a secret: %s", name, strings.TrimSpace(line))
				}
			}
		}
	}
	if !strings.Contains(all["diff"], "secrets") {
		t.Errorf("it is not said that secrets differ: %s", all["diff"])
	}
	// What is no secret stays to be seen: where secrets are taken from, where news go, what answers have.
	for _, shown := range []string{
		`"Bearer {env.PLAIN}"`, `"{env.PLAIN_HOOK}"`, `"{file./run/plain}"`, `"{env.PLAIN_UP}"`, "https://hooks.example/", "https://slack.example/", "https://respond.example",
		"https://traces.example/", `"plain-answer"`, `"plain-down"`, `"https://plain.example/new"`, "https://idp.example/realms/plain", "https://bundles.example/plain.tar.gz",
		"tls://plain.example", "/etc/plain/a.pem", "sslmode=verify-full", "redis.example:6379",
	} {
		if !strings.Contains(strings.ReplaceAll(all["show"], `\u0026`, "&"), shown) {
			t.Errorf("%s is hidden, too", shown)
		}
	}
	if t.Failed() {
		t.Log(all["show"])
	}
}

var needed = regexp.MustCompile(`\{\$([A-Z_]+)\}`)

// Of the example configurations everything is shown: what is secret they take from where it is kept. Two things are hidden that need not be: the types of
// a socket's messages that pass, for the name of their list, which is a password's elsewhere, and the path of a collector, which may be a key with others.
func TestExamplesAreShown(t *testing.T) {
	folder, err := filepath.Abs("../../caddyfiles")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GW_FILES", folder)
	names, err := fs.Glob(caddyfiles.FS, "*.Caddyfile")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := caddyfiles.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range needed.FindAllSubmatch(text, -1) {
			t.Setenv(string(variable[1]), "1") // whatever it is: nothing is opened
		}
		var config inforce.Tree
		if err := json.Unmarshal(adapted(t, filepath.Join(folder, name), text), &config); err != nil {
			t.Fatal(err)
		}
		hidden, _ := inforce.Hide("", config).(inforce.Tree)
		is := inforce.Flat(hidden)
		for i, was := range inforce.Flat(config) {
			if was != is[i] && !strings.HasSuffix(was.Name, ".pass") && was.Name != "apps.gateway.tracing.endpoint" {
				t.Errorf("%s: %s is %q, shown as %q", name, was.Name, was.Value, is[i].Value)
			}
		}
	}
}

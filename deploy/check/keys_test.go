package check

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// keyFiles are what the key ring's secret holds.
var keyFiles = []string{"signing.json", "data.json", "root.key"}

// kubectl is what the procedure asks of the cluster's: a secret's value, the secret of files, and taking that in place of the other.
const kubectl = `#!/bin/bash
set -euo pipefail
[[ "$1 $2" == "-n chat" ]]; shift 2
case "$1 $2" in
"get secret")
	[[ "$3 $4" == "convosphere-keys -o" && "$5" =~ ^go-template=\{\{index\ \.data\ \"(.*)\"\ \|\ base64decode\}\}$ ]]
	cat "$SECRET/${BASH_REMATCH[1]}" ;;
"create secret")
	[[ "$3 $4" == "generic convosphere-keys" && "$*" == *" --dry-run=client -o yaml" ]]
	printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\ndata:\n' "$4"
	for a; do [[ "$a" != --from-file=* ]] || printf '  %s: %s\n' "$(basename "${a#*=}")" "$(base64 -w0 "${a#*=}")"; done ;;
"replace -f") cat >"$REPLACED" ;;
*) echo "kubectl knows no $*" >&2; exit 1 ;;
esac
`

// mountSecret lays the files out as a kubelet does: in a folder of their own, behind a link that is changed in one step.
func mountSecret(t *testing.T, dir, revision string, files map[string][]byte) {
	t.Helper()
	at := filepath.Join(dir, "..rev"+revision)
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		path := filepath.Join(at, name)
		if err := os.WriteFile(path, b, 0o440); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, 0, 65532); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Base(at), filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

// The procedure of deploy/README.md, typed as it stands there, beside a gateway whose keys are a mounted secret: what it rotates, the gateway takes over while it runs.
func TestKeysRotateInACluster(t *testing.T) {
	section := regexp.MustCompile("(?s)### Signing keys of a cluster\n.*?```sh\n(.*?)```").FindStringSubmatch(read(t, "deploy", "README.md"))
	if section == nil {
		t.Fatal("deploy/README.md has no procedure")
	}
	box, image := newWorld(t).space("box"), ship(t)
	data, made, keys := folder(t), folder(t), folder(t)
	tmp := map[string]any{"destination": "/run/convosphere", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "noexec", "mode=0700", "uid=65532", "gid=65532", "size=1m"}}
	probe := browser(box, "9180")
	launch := func(name, keys, mode string) *container {
		c := start(t, name, spec(t, image.rootfs, box.path(), image.img, nil, []string{"GW_SHUTDOWN_DELAY=0s", "GW_GRACE_PERIOD=5s", "GW_KEYS=/run/secrets/keys"},
			[]map[string]any{tmp, bind(data, "/var/lib/convosphere", "rw"), bind(keys, "/run/secrets/keys", mode)}))
		c.wait("it is ready", func() bool {
			resp, err := probe.Get("http://localhost/readyz")
			return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
		})
		return c
	}
	launch("first", made, "rw").stop()
	secret := map[string][]byte{}
	for _, name := range keyFiles {
		b, err := os.ReadFile(filepath.Join(made, name))
		if err != nil {
			t.Fatal(err)
		}
		secret[name] = b
	}
	mountSecret(t, keys, "1", secret)
	c := launch("gateway", keys, "ro")

	published := func() (ids []string) {
		resp, err := browser(box, "8444").Get("https://gateway:8444/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var set struct{ Keys []struct{ Kid string } }
		if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			ids = append(ids, k.Kid)
		}
		return ids
	}
	before := published()
	if len(before) != 1 {
		t.Fatalf("it publishes %q", before)
	}
	if out, err := c.exec("/convosphere", "keys", "rotate", "--keys", "/run/secrets/keys"); err == nil {
		t.Fatalf("the pod's own secret was written: %s", out)
	}

	desk := t.TempDir()
	if err := os.WriteFile(filepath.Join(desk, "kubectl"), []byte(kubectl), 0o755); err != nil {
		t.Fatal(err)
	}
	// rotate types the procedure, holds what it gives the cluster to be a secret, and brings it as a kubelet does.
	rotate := func(revision, procedure string) {
		t.Helper()
		replaced := filepath.Join(desk, "replaced.yaml")
		run(t, []string{"PATH=" + desk + ":" + binaries(t) + ":" + os.Getenv("PATH"), "SECRET=" + keys, "REPLACED=" + replaced}, "bash", "-euc", "set -o pipefail; cd "+desk+"\n"+procedure)
		doc, err := os.ReadFile(replaced)
		if err != nil {
			t.Fatal(err)
		}
		if err := againstSchemas(t, doc); err != nil {
			t.Fatal(err)
		}
		objects, err := decode([][]byte{doc})
		if err != nil {
			t.Fatal(err)
		}
		got := objects[0].(*core.Secret).Data
		if len(got) != len(keyFiles) || string(got["data.json"]) != string(secret["data.json"]) || string(got["root.key"]) != string(secret["root.key"]) {
			t.Fatal("other keys than those that sign have changed")
		}
		if _, err := os.Stat(filepath.Join(desk, "keys")); !os.IsNotExist(err) {
			t.Errorf("a copy of the keys is left: %v", err)
		}
		mountSecret(t, keys, revision, got)
	}
	rotate("2", section[1])
	var both []string
	c.wait("the new key is published beside the old", func() bool { both = published(); return len(both) == 2 && slices.Contains(both, before[0]) })
	withdraw := strings.Replace(section[1], "keys rotate ", "keys rotate --withdraw ", 1)
	rotate("3", withdraw)
	c.wait("a new key stands in for all", func() bool { ids := published(); return len(ids) == 1 && !slices.Contains(both, ids[0]) })
}

package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/convosphere/gateway/modules/policy/engine"
)

func TestSignedBundles(t *testing.T) {
	for name, p := range map[string]pair{"ECDSA": ecPair(t), "Ed25519": edPair(t), "RSA": rsaPair(t, 2048)} {
		folder := write(t, "true")
		found, err := OpenBundle(p.signed(t, folder, "v7", noon), p.trust(t), noon)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := engine.Load(os.DirFS(folder))
		if err != nil {
			t.Fatal(err)
		}
		a, _ := want.Revision()
		b, _ := found.Source.Revision()
		if a != b || found.Label != "v7" || !found.SignedAt.Equal(noon) || len(found.Source.Tests) != 1 {
			t.Errorf("%s: revision %s is not %s, %+v", name, b, a, found)
		}
	}
}

// repack makes another bundle of one's files.
func repack(t testing.TB, raw []byte, change func(files map[string][]byte)) []byte {
	t.Helper()
	files, err := unpack(raw)
	if err != nil {
		t.Fatal(err)
	}
	change(files)
	var b bytes.Buffer
	if err := pack(&b, files); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTamperedBundlesAreRefused(t *testing.T) {
	mine, other := ecPair(t), ecPair(t)
	raw := mine.signed(t, write(t, "false"), "v1", noon)
	foreign := other.signed(t, write(t, "true"), "v1", noon)
	foreignFiles, err := unpack(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(map[string][]byte)
		want   string
	}{
		"a rule": {func(f map[string][]byte) { f["a.rego"] = []byte("package gateway\n\ndecision := {\"allow\": true}\n") }, "digest mismatch"},
		"data":   {func(f map[string][]byte) { f["sub/data.json"] = []byte(`{"n": 2}`) }, "digest mismatch"},
		"a digit": {func(f map[string][]byte) {
			f["sub/data.json"] = bytes.Replace(f["sub/data.json"], []byte("890123"), []byte("890124"), 1)
		}, "digest mismatch"},
		"the revision": {func(f map[string][]byte) {
			f[".manifest"] = bytes.Replace(f[".manifest"], []byte("v1"), []byte("v2"), 1)
		}, "digest mismatch"},
		"a file more":             {func(f map[string][]byte) { f["b.rego"] = []byte("package b") }, "not included"},
		"a file that OPA ignores": {func(f map[string][]byte) { f["README"] = []byte("x") }, "not included"},
		"a file less":             {func(f map[string][]byte) { delete(f, "a_test.rego") }, `"a_test.rego" is missing`},
		"no signature":            {func(f map[string][]byte) { delete(f, signaturesFile) }, "is not signed"},
		"empty signatures":        {func(f map[string][]byte) { f[signaturesFile] = []byte(`{"signatures": []}`) }, "does not hold"},
		"no JSON":                 {func(f map[string][]byte) { f[signaturesFile] = []byte(`{`) }, "can't be read"},
		"another key's": {func(f map[string][]byte) {
			clear(f)
			maps.Copy(f, foreignFiles)
		}, "does not hold"},
		"a plugin's": {func(f map[string][]byte) { f[signaturesFile] = []byte(`{"signatures": ["a.b.c"], "plugin": "mine"}`) }, "plugin"},
		"alg none": {func(f map[string][]byte) {
			var s bundle.SignaturesConfig
			_ = json.Unmarshal(f[signaturesFile], &s)
			parts := strings.Split(s.Signatures[0], ".")
			s.Signatures[0] = "eyJhbGciOiJub25lIn0." + parts[1] + "."
			f[signaturesFile], _ = json.Marshal(s)
		}, "does not hold"},
		"a delta": {func(f map[string][]byte) { clear(f); f["patch.json"] = []byte(`{"data":[]}`) }, "is not signed"},
	} {
		if _, err := OpenBundle(repack(t, raw, c.change), mine.trust(t), noon); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenBundle(raw, &Trust{}, noon); err == nil {
		t.Error("nobody is trusted, yet it was taken")
	}
	// Keys are tried in turn, so that one may follow another.
	both := &Trust{Keys: append(other.trust(t).Keys, mine.trust(t).Keys...)}
	if _, err := OpenBundle(raw, both, noon); err != nil {
		t.Error(err)
	}
	both.Scope = "production"
	if _, err := OpenBundle(raw, both, noon); err == nil || !strings.Contains(err.Error(), "scope") {
		t.Error(err)
	}
	if _, err := OpenBundle(mine.signed(t, write(t, "true"), "", noon.Add(time.Hour)), mine.trust(t), noon); err == nil || !strings.Contains(err.Error(), "future") {
		t.Error(err)
	}
}

// A digest that collides proves nothing, whoever signed it.
func TestWeakDigestsAreRefused(t *testing.T) {
	p := ecPair(t)
	raw := repack(t, p.signed(t, write(t, "true"), "", noon), func(f map[string][]byte) {
		delete(f, signaturesFile)
		infos, err := fileInfos(f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range infos {
			infos[i].Algorithm = "MD5"
		}
		token, err := signToken(map[string]any{"files": infos}, p.private, "")
		if err != nil {
			t.Fatal(err)
		}
		f[signaturesFile], _ = json.Marshal(bundle.SignaturesConfig{Signatures: []string{token}})
	})
	if _, err := OpenBundle(raw, p.trust(t), noon); err == nil || !strings.Contains(err.Error(), "MD5") {
		t.Error(err)
	}
}

// OPA's own tools read what is built here, and what they build is read here.
func TestBundlesAreOPAs(t *testing.T) {
	p := ecPair(t)
	raw := p.signed(t, write(t, "true"), "v1", noon)
	config := bundle.NewVerificationConfig(map[string]*bundle.KeyConfig{"default": {Key: string(p.public), Algorithm: "ES256"}}, "", "", nil)
	theirs, err := bundle.NewReader(bytes.NewReader(raw)).WithBundleVerificationConfig(config).Read()
	if err != nil {
		t.Fatal(err)
	}
	if theirs.Manifest.Revision != "v1" || len(theirs.Modules) != 2 || theirs.Data["sub"] == nil {
		t.Errorf("%+v", theirs)
	}
	keyFile := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(keyFile, p.private, 0o600); err != nil {
		t.Fatal(err)
	}
	theirs.Signatures = bundle.SignaturesConfig{}
	if err := theirs.GenerateSignature(bundle.NewSigningConfig(keyFile, "ES256", ""), "", false); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.NewWriter(&b).Write(theirs); err != nil {
		t.Fatal(err)
	}
	found, err := OpenBundle(b.Bytes(), p.trust(t), noon)
	if err != nil {
		t.Fatal(err)
	}
	if found.Label != "v1" || len(found.Source.Modules) != 1 || len(found.Source.Tests) != 1 || !found.SignedAt.IsZero() {
		t.Errorf("%+v", found)
	}
}

func TestForeignContentIsNamed(t *testing.T) {
	folder := write(t, "true")
	var unsigned bytes.Buffer
	if err := (Build{}).Write(&unsigned, folder); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"patch.json": `{"data": []}`, "policy.wasm": "x", "sub/plan.json": "{}", ".manifest.pb": "x", "data.yaml": "a: 1",
		".manifest": `{"rego_version": 0}`, "data.json": `[]`, "sub/sub.txt": "", "n/data.json": `{} {}`, "twice/data.json": `{"a": 1, "a": 1}`,
	} {
		_, err := OpenBundle(repack(t, unsigned.Bytes(), func(f map[string][]byte) { f[name] = []byte(content) }), &Trust{Unsigned: true}, noon)
		if (err == nil) != (name == "sub/sub.txt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, m := range []string{`{"revision": "a\nb"}`, `{"revision": "` + strings.Repeat("x", maxLabel+1) + `"}`, `{"file_rego_versions": {"a.rego": 0}}`, `{"revision": "a", "revision": "b"}`, `[`} {
		if _, err := readManifest([]byte(m)); err == nil {
			t.Errorf("%s is taken", m)
		}
	}
	if _, err := OpenBundle(unsigned.Bytes(), &Trust{}, noon); !errors.Is(err, errUnsigned) {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	ec, weak := ecPair(t), rsaPair(t, 1024)
	for name, c := range map[string]struct {
		raw       []byte
		algorithm string
	}{
		"private": {ec.private, ""}, "two": {append(bytes.Clone(ec.public), ec.public...), ""}, "none": {[]byte("secret"), ""},
		"weak": {weak.public, ""}, "HMAC by a public key": {ec.public, "HS256"}, "none as algorithm": {ec.public, "none"},
		"another curve": {ec.public, "ES384"}, "broken": {[]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), ""},
		"other": {[]byte("-----BEGIN SECRET-----\nAAAA\n-----END SECRET-----\n"), ""},
	} {
		if _, err := ParseKey(c.raw, c.algorithm); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	strong := rsaPair(t, 2048)
	if k, err := ParseKey(strong.public, "PS256"); err != nil || k.Algorithm != "PS256" {
		t.Error(k.Algorithm, err)
	}
	if err := (Build{Key: weak.private, Now: noon}).Write(&bytes.Buffer{}, write(t, "true")); err == nil {
		t.Error("signed with a weak key")
	}
	if err := (Build{Key: ec.public, Now: noon}).Write(&bytes.Buffer{}, write(t, "true")); err == nil {
		t.Error("signed with a public key")
	}
}

// Tools read folders and bundles alike.
func TestRead(t *testing.T) {
	folder, p := write(t, "true"), ecPair(t)
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, p.signed(t, folder, "", noon), 0o600); err != nil {
		t.Fatal(err)
	}
	var revisions []string
	for _, name := range []string{folder, file} {
		src, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := src.Revision()
		revisions = append(revisions, r)
	}
	if revisions[0] != revisions[1] {
		t.Error(revisions)
	}
	for _, name := range []string{"/no/such", "/dev/null", filepath.Join(folder, "a.rego")} {
		if _, err := Read(name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// Whatever a file of signatures says: no panic, and only the one that was made by the key is taken.
func FuzzSignatures(f *testing.F) {
	p := ecPair(f)
	files, err := unpack(p.signed(f, write(f, "false"), "v1", noon))
	if err != nil {
		f.Fatal(err)
	}
	var good bundle.SignaturesConfig
	if err := json.Unmarshal(files[signaturesFile], &good); err != nil {
		f.Fatal(err)
	}
	f.Add(files[signaturesFile])
	f.Add([]byte(`{"signatures": ["a.b.c"], "plugin": "_default"}`))
	f.Add([]byte(`{"signatures": ["eyJhbGciOiJub25lIn0.e30."]}`))
	trust := p.trust(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		other := maps.Clone(files)
		other[signaturesFile] = b
		if _, err := trust.verify(other, noon); err != nil {
			return
		}
		var s bundle.SignaturesConfig
		if err := json.Unmarshal(b, &s); err != nil || len(s.Signatures) != 1 || s.Signatures[0] != good.Signatures[0] {
			t.Errorf("%q was never made by the key", b)
		}
	})
}

// Whatever the bytes: no panic, and nothing is taken that the key did not sign.
func FuzzOpenBundle(f *testing.F) {
	p := ecPair(f)
	folder := write(f, "false")
	raw := p.signed(f, folder, "v1", noon)
	f.Add(raw)
	f.Add([]byte("x"))
	good, err := OpenBundle(raw, p.trust(f), noon)
	if err != nil {
		f.Fatal(err)
	}
	want, _ := good.Source.Revision()
	trust := p.trust(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		_, _ = OpenBundle(b, &Trust{Unsigned: true}, noon)
		found, err := OpenBundle(b, trust, noon)
		if err != nil {
			return
		}
		if got, _ := found.Source.Revision(); got != want {
			t.Errorf("revision %s was never signed", got)
		}
	})
}

package source

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/convosphere/gateway/modules/policy/engine"
)

const (
	signaturesFile = ".signatures.json"
	manifestFile   = ".manifest"
	mostKeys       = 8
	skew           = 5 * time.Minute // between the clocks of who signs and who verifies
)

// digests are what a signature may name its files by. OPA also knows MD5 and SHA-1.
var digests = []string{"SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA-512-224", "SHA-512-256"}

// Trust says whose bundles are taken. The zero value takes none.
type Trust struct {
	Keys     []Key
	Scope    string // what the signature must be for; OPA's claim "scope"
	Unsigned bool   // take bundles from anybody: for tools, and for who wrote so
}

// errUnsigned is what a bundle says that nobody signed.
var errUnsigned = errors.New("the bundle is not signed")

// verify checks that all files, and no others, are those that one of the keys signed, and returns when. Fail closed: whatever is not
// verified is an error.
func (t *Trust) verify(files map[string][]byte, now time.Time) (signedAt time.Time, err error) {
	if t.Unsigned {
		return time.Time{}, nil
	}
	raw, ok := files[signaturesFile]
	if !ok {
		return time.Time{}, errUnsigned
	}
	var signatures bundle.SignaturesConfig
	if err := json.Unmarshal(raw, &signatures); err != nil {
		return time.Time{}, fmt.Errorf("%s can't be read: %w", signaturesFile, err)
	}
	if signatures.Plugin != "" && signatures.Plugin != "_default" {
		return time.Time{}, fmt.Errorf("it is signed by the plugin %.64q, which is not known here", signatures.Plugin)
	}
	signed, err := t.signed(signatures)
	if err != nil {
		return time.Time{}, err
	}
	for name, content := range files {
		if name == signaturesFile {
			continue
		}
		if file, ok := signed[name]; ok && !slices.Contains(digests, file.Algorithm) {
			return time.Time{}, fmt.Errorf("%s: a digest by %.16q proves nothing", name, file.Algorithm)
		}
		if err := bundle.VerifyBundleFile(name, *bytes.NewBuffer(content), signed); err != nil {
			return time.Time{}, fmt.Errorf("what is in the bundle is not what was signed: %w", err)
		}
	}
	for name := range signed { // VerifyBundleFile takes out what it has seen
		return time.Time{}, fmt.Errorf("what is in the bundle is not what was signed: %q is missing", name)
	}
	return issued(signatures.Signatures[0], now)
}

// signed returns the files that a signature by one of the keys names.
func (t *Trust) signed(signatures bundle.SignaturesConfig) (map[string]bundle.FileInfo, error) {
	err := errors.New("there is no key to verify it by")
	for _, k := range t.Keys {
		config := &bundle.VerificationConfig{
			KeyID: "key", Scope: t.Scope, // the key is chosen here, not by what the signature names
			PublicKeys: map[string]*bundle.KeyConfig{"key": {Key: string(k.pem), Algorithm: k.Algorithm}},
		}
		var found map[string]bundle.FileInfo
		if found, err = bundle.VerifyBundleSignature(signatures, config); err != nil {
			continue
		}
		files := make(map[string]bundle.FileInfo, len(found))
		for name, f := range found {
			files[strings.TrimPrefix(name, "/")] = f
		}
		return files, nil
	}
	return nil, fmt.Errorf("the bundle's signature does not hold: %w", err)
}

// issued reads when a verified signature was made; zero where it does not say.
func issued(token string, now time.Time) (time.Time, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, errors.New("the bundle's signature is malformed")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, fmt.Errorf("the bundle's signature is malformed: %w", err)
	}
	var claims struct {
		IssuedAt json.Number `json:"iat"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return time.Time{}, fmt.Errorf("the bundle's signature is malformed: %w", err)
	}
	if claims.IssuedAt == "" {
		return time.Time{}, nil
	}
	seconds, err := claims.IssuedAt.Float64()
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, errors.New("the bundle's signature is malformed: iat is no time")
	}
	at := time.Unix(int64(seconds), 0)
	if at.After(now.Add(skew)) { // it would outlive every later one
		return time.Time{}, errors.New("the bundle's signature is from the future")
	}
	return at, nil
}

// sign makes the file of signatures for all files.
func sign(files map[string][]byte, key []byte, algorithm, scope string, now time.Time) ([]byte, error) {
	infos, err := fileInfos(files)
	if err != nil {
		return nil, err
	}
	token, err := signToken(map[string]any{"files": infos, "iat": now.Unix(), "scope": scope}, key, algorithm)
	if err != nil {
		return nil, err
	}
	return json.Marshal(bundle.SignaturesConfig{Signatures: []string{token}})
}

func fileInfos(files map[string][]byte) ([]bundle.FileInfo, error) {
	hasher, err := bundle.NewSignatureHasher(bundle.SHA256)
	if err != nil {
		return nil, err
	}
	infos := make([]bundle.FileInfo, 0, len(files))
	for name, content := range files {
		var value any = content
		if bundle.IsStructuredDoc(name) {
			if value, err = engine.Decode(content); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		digest, err := hasher.HashFile(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		infos = append(infos, bundle.NewFile(name, fmt.Sprintf("%x", digest), string(bundle.SHA256)))
	}
	slices.SortFunc(infos, func(a, b bundle.FileInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

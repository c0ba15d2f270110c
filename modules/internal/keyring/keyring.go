// Package keyring holds the gateway's keys in a folder: signing keys (ES256), the data key set (AES-256-GCM) and the root
// of derived secrets. Gateways that share the folder share the keys.
package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Ring is the open key ring. It is safe for use by many and never changes once open.
type Ring struct {
	signing *ecdsa.PrivateKey
	kid     string
	public  map[string]*ecdsa.PublicKey
	jwks    []byte
	data    tink.AEAD
	root    []byte
}

const (
	signingFile = "signing.json" // JWK Set with private keys; the first one signs, all verify
	dataFile    = "data.json"    // Tink key set
	rootFile    = "root.key"     // 32 random bytes
)

// Open reads the folder, making what is missing (0600, in a folder 0700). It refuses key files that others can read.
// Processes that open an empty folder together end with the same keys.
func Open(dir string) (*Ring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the key folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the key folder: %w", err)
	}
	defer lock.Close() // ends the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("locking the key folder: %w", err)
	}
	r := &Ring{public: map[string]*ecdsa.PublicKey{}}
	for _, part := range []struct {
		name string
		make func() ([]byte, error)
		use  func([]byte) error
	}{
		{signingFile, newSigning, r.useSigning},
		{dataFile, newData, r.useData},
		{rootFile, newRoot, r.useRoot},
	} {
		path := filepath.Join(dir, part.name)
		raw, err := readOrMake(path, part.make)
		if err != nil {
			return nil, err
		}
		if err := part.use(raw); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return r, nil
}

func readOrMake(path string, fresh func() ([]byte, error)) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err := fresh()
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", path, err)
		}
		return raw, write(path, raw)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s can be read by others (mode %o): run chmod 600 on it", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

// write puts the file in place whole or not at all, also when the machine stops half way.
func write(path string, raw []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	_, err = tmp.Write(raw)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func newSigning() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := jwk.FromRaw(private)
	if err != nil {
		return nil, err
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return nil, err
	}
	for k, v := range map[string]any{jwk.AlgorithmKey: jwa.ES256, jwk.KeyUsageKey: "sig"} {
		if err := key.Set(k, v); err != nil {
			return nil, err
		}
	}
	set := jwk.NewSet()
	if err := set.AddKey(key); err != nil {
		return nil, err
	}
	return json.MarshalIndent(set, "", "  ")
}

func (r *Ring) useSigning(raw []byte) error {
	set, err := jwk.Parse(raw)
	if err != nil {
		return errors.New("it is not a JWK set") // the parser's error would show the key
	}
	for i := range set.Len() {
		key, _ := set.Key(i)
		var private ecdsa.PrivateKey
		if err := key.Raw(&private); err != nil || private.Curve != elliptic.P256() || key.KeyID() == "" {
			return fmt.Errorf("key %d is not a private P-256 key with a kid", i)
		}
		if _, ok := r.public[key.KeyID()]; ok {
			return fmt.Errorf("two keys have the kid %q", key.KeyID())
		}
		if i == 0 {
			r.signing, r.kid = &private, key.KeyID()
		}
		r.public[key.KeyID()] = &private.PublicKey
	}
	if r.signing == nil {
		return errors.New("the set has no key")
	}
	public, err := jwk.PublicSetOf(set)
	if err != nil {
		return err
	}
	r.jwks, err = json.Marshal(public)
	return err
}

func newData() ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b))
	return b.Bytes(), err
}

func (r *Ring) useData(raw []byte) error {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	if err != nil {
		return errors.New("it is not a Tink key set")
	}
	r.data, err = aead.New(handle)
	return err
}

func newRoot() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}

func (r *Ring) useRoot(raw []byte) error {
	if len(raw) != 32 {
		return errors.New("it must be 32 bytes")
	}
	r.root = raw
	return nil
}

// Signer returns the key that signs now and its id.
func (r *Ring) Signer() (kid string, key *ecdsa.PrivateKey) { return r.kid, r.signing }

// Public returns the public key with that id.
func (r *Ring) Public(kid string) (*ecdsa.PublicKey, bool) {
	k, ok := r.public[kid]
	return k, ok
}

// JWKS returns the public keys as a JWK Set (RFC 7517), JSON.
func (r *Ring) JWKS() []byte { return r.jwks }

// Derive returns a 32-byte secret for one purpose (HKDF-SHA256 of the root).
func (r *Ring) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, r.root, nil, "gateway "+purpose, 32)
	if err != nil {
		panic(err) // only for a length that HKDF can't give
	}
	return key
}

// Seal encrypts a value for rest. The place (table, column and row, joined by store.Key) is bound to it, so that it opens
// nowhere else.
func (r *Ring) Seal(plain []byte, place string) ([]byte, error) {
	return r.data.Encrypt(plain, []byte(place))
}

// Unseal decrypts what Seal made for the same place.
func (r *Ring) Unseal(sealed []byte, place string) ([]byte, error) {
	b, err := r.data.Decrypt(sealed, []byte(place))
	if err != nil {
		return nil, errors.New("a stored value can't be decrypted: another key ring, or altered")
	}
	return b, nil
}

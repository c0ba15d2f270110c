// Package keyring holds the gateway's keys in a folder: signing keys (ES256), the data key set (AES-256-GCM) and the root
// of derived secrets. Gateways that share the folder share the keys.
//
// Signing keys are replaced while gateways run (Rotate). A new one is published at once and signs ten minutes later, when whoever
// verifies has heard of it; the one before verifies until its last token has ended. So no token is refused on the way. Gateways that
// Watch the folder take over what they find in it within two seconds.
package keyring

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/convosphere/gateway/modules/internal/modes"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// Ring is the open key ring. It is safe for use by many. Only its signing keys ever change.
type Ring struct {
	dir     string
	now     func() time.Time
	signing atomic.Pointer[signingSet]
	data    tink.AEAD
	root    []byte

	every     atomic.Int64 // the age at which Watch replaces a signing key, in nanoseconds; 0: never
	looking   sync.Mutex   // one look at the folder at a time
	looked    time.Time    // guarded by looking
	mu        sync.Mutex
	withdrawn map[*func()]struct{} // who is told when keys are withdrawn; guarded by mu
	watches   []*watch             // the last one works; guarded by mu
	told      *signingSet          // of which the watches told last; guarded by mu
}

const (
	signingFile = "signing.json" // JWK Set with private keys
	dataFile    = "data.json"    // Tink key set
	rootFile    = "root.key"     // 32 random bytes
)

// Open reads the folder, making the files of a new one (0600, in a folder 0700). It refuses key files that others can read, and a folder that has lost one.
// Processes that open an empty folder together end with the same keys.
func Open(dir string) (*Ring, error) { return open(dir, time.Now) }

func open(dir string, now func() time.Time) (*Ring, error) {
	if err := owner.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the key folder: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := whole(dir); err != nil {
		return nil, err
	}
	r := &Ring{dir: dir, now: now, withdrawn: map[*func()]struct{}{}}
	for _, part := range []struct {
		name string
		make func() ([]byte, error)
		use  func([]byte) error
	}{
		{dataFile, newData, r.useData},
		{rootFile, newRoot, r.useRoot},
		{signingFile, func() ([]byte, error) { return newSigning(now()) }, r.useSigning}, // last of all: see whole
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

// whole refuses a folder that has lost a file which what rests can't be read without. Signing keys are made last, so where they are, the others were.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, signingFile)); err != nil {
		return nil // a new folder, or one that can't be read, which the reader tells
	}
	for _, name := range []string{dataFile, rootFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the key folder %s has lost a file: %s is missing; put it back from a backup, since a new one would open nothing that the database holds", dir, name)
		}
	}
	return nil
}

// lock keeps other processes from writing the folder until unlock is called. A folder that may not be written, such as a mounted secret, needs no
// lock to be read: files are put in place whole. To write one fails there by itself.
func lock(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, "lock")
	f, err := owner.Create(path)
	if isUnwritable(err) {
		if f, err = os.Open(path); errors.Is(err, fs.ErrNotExist) { // and can't be made
			return func() {}, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("locking the key folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the key folder: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil // ends the lock; nothing was written
}

// isUnwritable tells whether the folder is one that this process can't write, as a mounted secret is.
func isUnwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func readOrMake(path string, fresh func() ([]byte, error)) ([]byte, error) {
	raw, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return raw, err
	}
	if raw, err = fresh(); err != nil {
		return nil, fmt.Errorf("making %s: %w", path, err)
	}
	return raw, write(path, raw)
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	if modes.Others(info) {
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
	if err = errors.Join(err, owner.Inherit(tmp), tmp.Sync(), tmp.Close()); err != nil {
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
		return nil, errSealed
	}
	return b, nil
}

var errSealed = errors.New("a stored value can't be decrypted: another key ring, or altered")

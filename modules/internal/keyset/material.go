package keyset

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
)

const (
	keyBytes     = 32
	mostVersions = 1000 // of a set
	mostFields   = 256  // keys of fields that a set remembers; others are derived each time
)

// material is an open key set. It never changes.
type material struct {
	primary  uint32
	versions map[uint32][]byte
	index    []byte
	fields   atomic.Pointer[map[fieldKey]*fieldKeys]
}

type fieldKey struct {
	version uint32
	field   string
}

// fieldKeys are the keys of one field.
type fieldKeys struct {
	aead  cipher.AEAD // takes and gives nonce ‖ ciphertext ‖ tag
	index []byte      // of blind indexes
}

// What keys are derived for, before the field's name.
const (
	forField  = "field\x00"
	forStream = "stream\x00"
	forIndex  = "index\x00"
)

// derive is HKDF-SHA256 without a salt, as Tink's HKDF PRF has it.
func derive(key []byte, info string, n int) ([]byte, error) {
	return hkdf.Key(sha256.New, key, nil, info, n)
}

// newAEAD is AES-GCM with a random nonce of 12 bytes before the ciphertext. One key is good for 2³² values.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// of returns the keys of a field in one version.
func (m *material) of(version uint32, field string) (*fieldKeys, error) {
	at := fieldKey{version, field}
	known := m.fields.Load()
	if known != nil {
		if k := (*known)[at]; k != nil {
			return k, nil
		}
	}
	k, err := m.make(version, field)
	for err == nil && (known == nil || len(*known) < mostFields) {
		more := map[fieldKey]*fieldKeys{at: k}
		if known != nil {
			maps.Copy(more, *known)
			more[at] = k
		}
		if m.fields.CompareAndSwap(known, &more) {
			break
		}
		known = m.fields.Load()
	}
	return k, err
}

func (m *material) make(version uint32, field string) (*fieldKeys, error) {
	root, ok := m.versions[version]
	if !ok {
		return nil, errVersion
	}
	key, err := derive(root, forField+field, keyBytes)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	k := new(fieldKeys)
	if k.aead, err = newAEAD(key); err != nil {
		return nil, err
	}
	k.index, err = derive(m.index, forIndex+field, keyBytes)
	return k, err
}

func (k *fieldKeys) hash(value []byte) []byte {
	h := hmac.New(sha256.New, k.index)
	h.Write(value)
	return h.Sum(nil)
}

// generate makes a new set's handle; index is the id of its key for blind indexes.
func generate() (h *keyset.Handle, index uint32, err error) {
	m := keyset.NewManager()
	if index, err = m.Add(prf.HKDFSHA256PRFKeyTemplate()); err != nil {
		return nil, 0, fmt.Errorf("making a key: %w", err)
	}
	h, err = withNewVersion(m)
	return h, index, err
}

// withNewVersion adds a version, which from now on encrypts.
func withNewVersion(m *keyset.Manager) (*keyset.Handle, error) {
	version, err := m.Add(prf.HKDFSHA256PRFKeyTemplate())
	if err == nil {
		err = m.SetPrimary(version)
	}
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return m.Handle()
}

// mark begins what a master key wraps.
const mark = "gwks1"

// packed is a set as it is wrapped: it says itself whose it is, so that one that was moved to another's row does not open there.
func packed(id, name string, index uint32, h *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(mark)
	for _, s := range []string{id, name} {
		b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) //nolint:gosec // both are checked to be short
		b.WriteString(s)
	}
	b.Write(binary.BigEndian.AppendUint32(nil, index))
	if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b)); err != nil {
		return nil, fmt.Errorf("writing a key set: %w", err)
	}
	return b.Bytes(), nil
}

var errPacked = errors.New("what the master key has wrapped is not this key set")

// unpack reads what packed wrote for the same id and name.
func unpack(b []byte, id, name string) (h *keyset.Handle, index uint32, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(mark))
	for _, want := range []string{id, name} {
		if !ok || len(rest) < 2 {
			return nil, 0, errPacked
		}
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; len(rest) < n || string(rest[:n]) != want {
			return nil, 0, errPacked
		}
		rest = rest[n:]
	}
	if len(rest) < 4 {
		return nil, 0, errPacked
	}
	index = binary.BigEndian.Uint32(rest)
	if h, err = insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(rest[4:]))); err != nil {
		return nil, 0, errPacked // the error might show what it read
	}
	return h, index, nil
}

// open takes the keys out of a handle.
func open(h *keyset.Handle, index uint32) (*material, error) {
	m := &material{versions: map[uint32][]byte{}}
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, errPacked
		}
		k, ok := e.Key().(*hkdfprf.Key)
		if !ok || k.KeyBytes().Len() != keyBytes {
			return nil, errPacked
		}
		raw := k.KeyBytes().Data(insecuresecretdataaccess.Token{})
		switch {
		case e.KeyID() == index:
			m.index = raw
		case e.KeyStatus() == keyset.Enabled:
			m.versions[e.KeyID()] = raw
		}
		if e.IsPrimary() {
			m.primary = e.KeyID()
		}
	}
	if m.index == nil || m.versions[m.primary] == nil {
		return nil, errPacked
	}
	return m, nil
}

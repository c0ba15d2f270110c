package keyset

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
)

// Why a set is not to be had, or does not do what it is asked for.
var (
	ErrUnknown     = errors.New("there is no such key set")
	ErrDisabled    = errors.New("the key set is disabled")
	ErrDestroyed   = errors.New("the key set is destroyed")
	ErrUnavailable = errors.New("the key set can't be read")
	ErrSealed      = errors.New("it can't be decrypted: altered, or of another place")

	errVersion = errors.New("no such version")
)

// Set is a key set that is open. It is safe for use by many, and meant for one request or message: whoever needs it later asks Sets again.
type Set struct {
	sets     *Sets
	id, name string
	revision int64
	state    State
	named    bool        // it is what its name stands for
	m        *material   // nil where the state is not Active
	gone     atomic.Bool // no longer in memory: it has changed, or made room
}

// ID is what tokens name the set by: short, a–z and 0–9, and telling nothing of the name.
func (s *Set) ID() string { return s.id }

// Name is the tenant or room that the set is for.
func (s *Set) Name() string { return s.name }

// refusal is why the set may not be used.
func (s *Set) refusal() error {
	switch s.state {
	case Active:
		return nil
	case Disabled:
		return ErrDisabled
	}
	return ErrDestroyed
}

// now is the set as it is now: one that is held for long does not outlive its destruction.
func (s *Set) now() (*Set, error) {
	if !s.gone.Load() {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(s.sets.run, loadTime)
	defer cancel()
	return s.sets.ByID(ctx, s.id)
}

const (
	versionBytes = 4
	// Overhead is how much longer what Seal makes is than what it was given.
	Overhead = versionBytes + 12 + 16
)

// Seal appends the encrypted value to dst: version (4 bytes) ‖ nonce (12) ‖ ciphertext ‖ tag (16). Field is part of a key's name, so it comes from the
// configuration; what binds the value to its place is aad.
func (s *Set) Seal(dst []byte, field string, plain, aad []byte) ([]byte, error) {
	s, err := s.now()
	if err != nil {
		return nil, err
	}
	k, err := s.m.of(s.m.primary, field)
	if err != nil {
		return nil, err
	}
	dst = binary.BigEndian.AppendUint32(dst, s.m.primary)
	return k.aead.Seal(dst, nil, plain, aad), nil
}

// Open appends to dst what Seal encrypted for the same field and aad. It is stale where a version encrypted it that no longer encrypts. Errors: ErrSealed, or why the
// set is not to be had.
func (s *Set) Open(dst []byte, field string, sealed, aad []byte) (plain []byte, stale bool, err error) {
	if len(sealed) < Overhead {
		return nil, false, ErrSealed
	}
	if s, err = s.now(); err != nil {
		return nil, false, err
	}
	version := binary.BigEndian.Uint32(sealed)
	if s, err = s.knowing(version); err != nil {
		return nil, false, err
	}
	k, err := s.m.of(version, field)
	if err != nil {
		return nil, false, ErrSealed
	}
	if plain, err = k.aead.Open(dst, nil, sealed[versionBytes:], aad); err != nil {
		return nil, false, ErrSealed
	}
	return plain, version != s.m.primary, nil
}

// knowing is the set with that version, read anew where the one in memory lacks it: another gateway may just have rotated it.
func (s *Set) knowing(version uint32) (*Set, error) {
	if s.m.versions[version] != nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(s.sets.run, loadTime)
	defer cancel()
	for range 2 { // the first time it may share what another began to read before the version was there
		fresh, err := s.sets.renew(ctx, s)
		if err != nil {
			return nil, err
		}
		if s = fresh; s.m.versions[version] != nil {
			return s, nil
		}
	}
	return nil, ErrSealed
}

// Index is the blind index of a value: HMAC-SHA256 under a key of the field, the same for the same value for as long as the set is. Nil where the set
// is not to be had any more.
func (s *Set) Index(field string, value []byte) []byte {
	s, err := s.now()
	if err != nil {
		return nil
	}
	k, err := s.m.of(s.m.primary, field)
	if err != nil {
		return nil
	}
	return k.hash(value)
}

// StreamKey is the input for the keys of a file's stream (AES256_GCM_HKDF), and the version that it is of.
func (s *Set) StreamKey(field string) (version uint32, ikm []byte, err error) {
	s, err = s.now()
	if err != nil {
		return 0, nil, err
	}
	ikm, err = derive(s.m.versions[s.m.primary], forStream+field, keyBytes)
	return s.m.primary, ikm, err
}

// StreamKeyOf is the same of the version that a file was encrypted by. Errors: ErrSealed where there is none, or why the set is not to be had.
func (s *Set) StreamKeyOf(field string, version uint32) ([]byte, error) {
	s, err := s.now()
	if err != nil {
		return nil, err
	}
	if s, err = s.knowing(version); err != nil {
		return nil, err
	}
	return derive(s.m.versions[version], forStream+field, keyBytes)
}

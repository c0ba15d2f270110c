package keyring

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// ErrOnItsWay refuses to rotate while a key waits to sign.
var ErrOnItsWay = errors.New("a new signing key is published already and has not begun to sign")

// Rotate publishes a new key, which signs after Lead; the one that signs now verifies for Overlap after that. Keys that have ended are removed.
// Errors: ErrOnItsWay.
func (r *Ring) Rotate() (Key, error) { return r.rotate(0) }

// rotate is Rotate for a key that signs for so long already. Errors: ErrOnItsWay, also for a younger one.
func (r *Ring) rotate(age time.Duration) (Key, error) {
	return r.rewrite(func(s *signingSet, now time.Time) (from time.Time, keep func(*signingKey) bool, err error) {
		if last := s.newest().from; last.After(now) || now.Sub(last) < age {
			return from, nil, ErrOnItsWay
		}
		return now.Add(Lead), func(k *signingKey) bool { return k.verifies(now) }, nil
	})
}

// Withdraw puts a new key in place of all others at once, for when one may be in wrong hands. Every token and assertion that they signed is refused
// from then on; refresh tokens are not signed and go on.
func (r *Ring) Withdraw() (Key, error) {
	return r.rewrite(func(_ *signingSet, now time.Time) (from time.Time, keep func(*signingKey) bool, err error) {
		return now, func(*signingKey) bool { return false }, nil
	})
}

// rewrite adds a key to those that are kept of the file as it is now, which nobody else changes meanwhile.
func (r *Ring) rewrite(plan func(*signingSet, time.Time) (from time.Time, keep func(*signingKey) bool, err error)) (Key, error) {
	unlock, err := lock(r.dir) // first: requests wait for looks, and must not for other processes
	if err != nil {
		return Key{}, err
	}
	defer unlock()
	r.looking.Lock() // a look that began before must not put back what it read
	defer r.looking.Unlock()
	s, err := r.readSigning()
	if err != nil {
		return Key{}, err
	}
	from, keep, err := plan(s, r.now())
	if err != nil {
		return Key{}, err
	}
	added, err := newKey(from)
	if err != nil {
		return Key{}, fmt.Errorf("making a signing key: %w", err)
	}
	fresh, err := r.writeSigning(append(s.kept(keep), added))
	if err != nil {
		return Key{}, err
	}
	r.adopt(fresh)
	return fresh.tell(fresh.byID[added.KeyID()], r.now()), nil
}

// removeEnded takes keys out of the file that verify nothing any more: the less lies about, the less can be stolen.
func (r *Ring) removeEnded() error {
	unlock, err := lock(r.dir)
	if err != nil {
		return err
	}
	defer unlock()
	r.looking.Lock()
	defer r.looking.Unlock()
	s, err := r.readSigning()
	if err != nil {
		return err
	}
	now := r.now()
	kept := s.kept(func(k *signingKey) bool { return k.verifies(now) })
	if len(kept) == len(s.keys) {
		return nil
	}
	fresh, err := r.writeSigning(kept)
	if err != nil {
		return err
	}
	r.adopt(fresh)
	return nil
}

// kept are the keys of the file for which keep holds.
func (s *signingSet) kept(keep func(*signingKey) bool) (kept []jwk.Key) {
	for i := range s.keys {
		if keep(&s.keys[i]) {
			key, _ := s.set.Key(i)
			kept = append(kept, key)
		}
	}
	return kept
}

func (r *Ring) readSigning() (*signingSet, error) {
	path := filepath.Join(r.dir, signingFile)
	raw, err := read(path)
	if err != nil {
		return nil, err
	}
	s, err := parseSigning(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// writeSigning returns the set as the file now has it.
func (r *Ring) writeSigning(keys []jwk.Key) (*signingSet, error) {
	raw, err := marshalKeys(keys...)
	if err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	s, err := parseSigning(raw)
	if err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	err = write(filepath.Join(r.dir, signingFile), raw)
	if isUnwritable(err) {
		err = fmt.Errorf("%w; of a mounted secret, rotate a copy and replace the secret by it (deploy/README.md)", err)
	}
	return s, err
}

package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

const (
	// Lead is how long a new key is published before it signs: longer than any verifier may keep the JWK Set (5 minutes).
	Lead = 10 * time.Minute
	// Overlap is how long a key verifies after its successor has begun to sign: longer than any token lasts (an hour).
	Overlap = 70 * time.Minute

	// fromMember of a JWK is when it begins to sign, in seconds since 1970. A key without it signs from the beginning.
	fromMember = "use_from"
	maxTime    = 253402300799 // the year 9999
	maxKeys    = 64
)

// signingSet is what one version of the file says. It never changes.
type signingSet struct {
	raw  []byte // the file
	set  jwk.Set
	keys []signingKey // in the order of the file
	byID map[string]*signingKey
}

type signingKey struct {
	kid     string
	private *ecdsa.PrivateKey
	public  []byte    // JWK, JSON
	from    time.Time // it signs from then on, until another does
	until   time.Time // it verifies until then; zero: it has no successor
}

func (k *signingKey) verifies(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

// newKey makes a key that signs from the given second on.
func newKey(from time.Time) (jwk.Key, error) {
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
	for k, v := range map[string]any{jwk.AlgorithmKey: jwa.ES256, jwk.KeyUsageKey: "sig", fromMember: from.Unix()} {
		if err := key.Set(k, v); err != nil {
			return nil, err
		}
	}
	return key, nil
}

func newSigning(now time.Time) ([]byte, error) {
	key, err := newKey(now)
	if err != nil {
		return nil, err
	}
	return marshalKeys(key)
}

func marshalKeys(keys ...jwk.Key) ([]byte, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		if err := set.AddKey(k); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(set, "", "  ")
}

func (r *Ring) useSigning(raw []byte) error {
	s, err := parseSigning(raw)
	if err == nil {
		r.signing.Store(s)
	}
	return err
}

func parseSigning(raw []byte) (*signingSet, error) {
	set, err := jwk.Parse(raw)
	if err != nil {
		return nil, errors.New("it is not a JWK set") // the parser's error would show the key
	}
	if set.Len() == 0 || set.Len() > maxKeys {
		return nil, fmt.Errorf("the set has %d keys, not 1 to %d", set.Len(), maxKeys)
	}
	s := &signingSet{raw: raw, set: set, keys: make([]signingKey, set.Len()), byID: map[string]*signingKey{}}
	for i := range s.keys {
		k, err := parseKey(set, i)
		if err != nil {
			return nil, err
		}
		if _, ok := s.byID[k.kid]; ok {
			return nil, fmt.Errorf("two keys have the kid %q", k.kid)
		}
		s.keys[i] = k
		s.byID[k.kid] = &s.keys[i]
	}
	for i := range s.keys {
		s.keys[i].until = s.end(s.keys[i].from)
	}
	return s, nil
}

func parseKey(set jwk.Set, i int) (k signingKey, err error) {
	key, _ := set.Key(i)
	var private ecdsa.PrivateKey
	if err := key.Raw(&private); err != nil || private.Curve != elliptic.P256() || key.KeyID() == "" {
		return k, fmt.Errorf("key %d is not a private P-256 key with a kid", i)
	}
	// Written anew, a point that is none panics in jwx; with another key's point nothing signed would verify.
	secret, err1 := private.ECDH()
	point, err2 := private.PublicKey.ECDH()
	if err1 != nil || err2 != nil || !secret.PublicKey().Equal(point) {
		return k, fmt.Errorf("the parts of key %d do not belong together", i)
	}
	k.kid, k.private = key.KeyID(), &private
	if v, ok := key.Get(fromMember); ok {
		seconds, ok := v.(float64)
		if !ok || seconds < 0 || seconds > maxTime {
			return k, fmt.Errorf("the %s of key %d is no time in seconds", fromMember, i)
		}
		k.from = time.Unix(int64(seconds), 0).UTC()
	}
	public, err := jwk.FromRaw(&private.PublicKey) // anew, so that nothing else of the file goes out
	if err != nil {
		return k, err
	}
	for name, v := range map[string]any{jwk.KeyIDKey: k.kid, jwk.AlgorithmKey: jwa.ES256, jwk.KeyUsageKey: "sig"} {
		if err := public.Set(name, v); err != nil {
			return k, err
		}
	}
	k.public, err = json.Marshal(public)
	return k, err
}

// end is when a key that signs from then on verifies no more: a while after the first later one has begun to sign.
func (s *signingSet) end(from time.Time) (until time.Time) {
	for _, k := range s.keys {
		if end := k.from.Add(Overlap); k.from.After(from) && (until.IsZero() || end.Before(until)) {
			until = end
		}
	}
	return until
}

// signer is the newest key whose time has come; of several of one time, the first in the file. Where no key's time has come, by a clock that was
// set back, it is the oldest.
func (s *signingSet) signer(now time.Time) *signingKey {
	var newest, oldest *signingKey
	for i := range s.keys {
		k := &s.keys[i]
		if !k.from.After(now) && (newest == nil || k.from.After(newest.from)) {
			newest = k
		}
		if oldest == nil || k.from.Before(oldest.from) {
			oldest = k
		}
	}
	if newest == nil {
		return oldest
	}
	return newest
}

// newest is the key that signs last.
func (s *signingSet) newest() *signingKey {
	last := &s.keys[0]
	for i := range s.keys {
		if s.keys[i].from.After(last.from) {
			last = &s.keys[i]
		}
	}
	return last
}

// Signer returns the key that signs now and its id.
func (r *Ring) Signer() (kid string, key *ecdsa.PrivateKey) {
	k := r.signing.Load().signer(r.now())
	return k.kid, k.private
}

// Public returns the public key with that id, which was or will be the signer's.
func (r *Ring) Public(kid string) (*ecdsa.PublicKey, bool) {
	k, ok := r.signing.Load().byID[kid]
	if !ok { // it may be of a gateway that looked at the folder before us
		r.lookForUnknown()
		k, ok = r.signing.Load().byID[kid]
	}
	if !ok || !k.verifies(r.now()) {
		return nil, false
	}
	return &k.private.PublicKey, true
}

// JWKS returns the public keys as a JWK Set (RFC 7517), JSON.
func (r *Ring) JWKS() []byte {
	var b bytes.Buffer
	b.WriteString(`{"keys":[`)
	now, first := r.now(), true
	for _, k := range r.signing.Load().keys {
		if !k.verifies(now) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.Write(k.public)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// States of a signing key.
const (
	Next    = "next"    // published, and signs later
	Signing = "signing" // signs now
	Retired = "retired" // verifies what it has signed
	Ended   = "ended"   // verifies nothing any more; the next change of the file removes it
)

// Key is what may be told of a signing key.
type Key struct {
	ID    string    `json:"kid"`
	State string    `json:"state"`
	From  time.Time `json:"from,omitzero"`  // it signs from then on; zero: from the beginning
	Until time.Time `json:"until,omitzero"` // it verifies until then; zero: it has no successor yet
}

// Keys tells of the signing keys, in the order of the file.
func (r *Ring) Keys() []Key {
	s, now := r.signing.Load(), r.now()
	keys := make([]Key, 0, len(s.keys))
	for i := range s.keys {
		keys = append(keys, s.tell(&s.keys[i], now))
	}
	return keys
}

func (s *signingSet) tell(k *signingKey, now time.Time) Key {
	t := Key{ID: k.kid, State: Retired, From: k.from, Until: k.until}
	switch {
	case k == s.signer(now):
		t.State = Signing
	case k.from.After(now):
		t.State = Next
	case !k.verifies(now):
		t.State = Ended
	}
	return t
}

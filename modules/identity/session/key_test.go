package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"
)

const site = "gw.example:8443"

// key is somebody's security key, or what an attacker makes of one.
type key struct {
	t    testing.TB
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential

	// What the assertions say. handle "" leaves the user handle out.
	typ, origin, handle string
	cross               bool
	up, uv, be, bs      bool
	counter             uint32
}

func newKey(t testing.TB) *key {
	k := &key{
		t: t, rp: virtualwebauthn.RelyingParty{Name: "Test", ID: "gw.example", Origin: "https://" + site},
		auth: virtualwebauthn.NewAuthenticator(), typ: "webauthn.get", origin: "https://" + site, up: true, uv: true,
	}
	for k.cred.Key == nil || len(k.cred.Key.AttestationData()) != 77 { // it writes coordinates that begin with zeros too short
		k.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return k
}

// copied is a key with the same secret.
func (k *key) copied() *key {
	c := *k
	return &c
}

func (k *key) json(options any) string {
	k.t.Helper()
	raw, err := json.Marshal(options)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(raw)
}

// create answers navigator.credentials.create.
func (k *key) create(options any) []byte {
	k.t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(k.json(options))
	if err != nil {
		k.t.Fatal(err)
	}
	k.auth.Options = virtualwebauthn.AuthenticatorOptions{UserNotPresent: !k.up, UserNotVerified: !k.uv, BackupEligible: k.be, BackupState: k.bs}
	k.cred.Counter = k.counter
	k.handle = o.UserID
	return []byte(virtualwebauthn.CreateAttestationResponse(k.rp, k.auth, k.cred, *o))
}

// get answers navigator.credentials.get.
func (k *key) get(options any) []byte {
	k.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(k.json(options))
	if err != nil {
		k.t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	client, err := json.Marshal(map[string]any{"type": k.typ, "challenge": b64(o.Challenge), "origin": k.origin, "crossOrigin": k.cross})
	if err != nil {
		k.t.Fatal(err)
	}
	var flags byte
	for bit, on := range map[byte]bool{1: k.up, 4: k.uv, 8: k.be, 16: k.bs} {
		if on {
			flags |= bit
		}
	}
	rp := sha256.Sum256([]byte(k.rp.ID))
	data := binary.BigEndian.AppendUint32(append(rp[:], flags), k.counter)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := k.cred.Key.Sign(digest[:])
	if err != nil {
		k.t.Fatal(err)
	}
	response := map[string]any{"authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(sig)}
	if k.handle != "" {
		response["userHandle"] = b64([]byte(k.handle))
	}
	return []byte(k.json(map[string]any{
		"type": "public-key", "id": b64(k.cred.ID), "rawId": b64(k.cred.ID), "clientExtensionResults": map[string]any{}, "response": response,
	}))
}

func at(host string) Attempt { return Attempt{Host: host} }

// addKey registers a key for who is signed in, and returns the new session.
func (n *node) addKey(r Result, k *key, name string) Result {
	n.t.Helper()
	options, err := n.BeginAddKey(ctx, r.Identity, at(site))
	if err == nil {
		r, err = n.AddKey(ctx, r.Identity, k.create(options), name, at(site))
	}
	if err != nil {
		n.t.Fatal("adding a key:", err)
	}
	return r
}

// withKey is a person who has a key, signed in.
func (n *node) withKey(name string, change func(*key)) (*key, Result) {
	n.t.Helper()
	n.person(name, false)
	k := newKey(n.t)
	if change != nil {
		change(k)
	}
	return k, n.addKey(n.login(name, ""), k, "Blue key")
}

// first takes the first step of a login.
func (n *node) first(name string) string {
	n.t.Helper()
	r, err := n.Login(ctx, attempt(name))
	if err != nil || r.MFAToken == "" {
		n.t.Fatal("no second step:", err)
	}
	return r.MFAToken
}

// keyLogin signs in with a key as the second factor.
func (n *node) keyLogin(name string, k *key) (Result, error) {
	n.t.Helper()
	token := n.first(name)
	options, err := n.BeginKey(ctx, token, at(site))
	if err != nil {
		n.t.Fatal(err)
	}
	return n.Key(ctx, token, k.get(options), at(site))
}

// passkeyLogin signs in with a passkey alone.
func (n *node) passkeyLogin(k *key) (Result, error) {
	n.t.Helper()
	token, options, err := n.BeginPasskey(ctx, at(site))
	if err != nil {
		n.t.Fatal(err)
	}
	return n.Passkey(ctx, token, k.get(options), at(site))
}

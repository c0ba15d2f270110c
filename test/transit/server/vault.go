package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// vault is the state of the service.
type vault struct {
	token string
	mux   *http.ServeMux

	mu     sync.Mutex
	keys   map[string]*key
	sealed bool
	counts map[string]int
}

// key is a named key: its versions, of which the last encrypts.
type key struct {
	versions []cipher.AEAD
	least    int // the oldest version that decrypts
}

// refusal is an error with its status.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

func newVault(token string) *vault {
	v := &vault{token: token, mux: http.NewServeMux(), keys: map[string]*key{}, counts: map[string]int{}}
	v.mux.HandleFunc("POST /v1/transit/keys/{key}", v.serve("", v.create))
	v.mux.HandleFunc("POST /v1/transit/keys/{key}/rotate", v.serve("", v.rotate))
	v.mux.HandleFunc("POST /v1/transit/keys/{key}/config", v.serve("", v.config))
	v.mux.HandleFunc("POST /v1/transit/encrypt/{key}", v.serve("encrypt", v.encrypt))
	v.mux.HandleFunc("POST /v1/transit/decrypt/{key}", v.serve("decrypt", v.decrypt))
	v.mux.HandleFunc("POST /v1/transit/rewrap/{key}", v.serve("rewrap", v.rewrap))
	v.mux.HandleFunc("PUT /v1/sys/seal", v.seal(true))
	v.mux.HandleFunc("PUT /v1/sys/unseal", v.seal(false))
	v.mux.HandleFunc("GET /v1/test/counts", func(w http.ResponseWriter, _ *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		answer(w, http.StatusOK, v.counts)
	})
	return v
}

// ServeHTTP implements http.Handler.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) { v.mux.ServeHTTP(w, r) }

type fields struct {
	Plaintext  string `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
	KeyVersion int    `json:"key_version,omitempty"`
	Least      int    `json:"min_decryption_version,omitempty"`
}

func (v *vault) serve(operation string, f func(name string, in fields) (fields, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if operation != "" {
			v.counts[operation]++
		}
		out, err := func() (fields, error) {
			if v.sealed {
				return fields{}, refusal{http.StatusServiceUnavailable, "Vault is sealed"}
			}
			if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Vault-Token")), []byte(v.token)) != 1 {
				return fields{}, refusal{http.StatusForbidden, "permission denied"}
			}
			var in fields
			if r.ContentLength != 0 {
				if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil {
					return fields{}, refusal{http.StatusBadRequest, "failed to parse JSON input"}
				}
			}
			return f(r.PathValue("key"), in)
		}()
		var no refusal
		if errors.As(err, &no) {
			answer(w, no.status, map[string][]string{"errors": {no.text}})
			return
		}
		answer(w, http.StatusOK, map[string]any{"request_id": rand.Text(), "lease_id": "", "renewable": false, "data": out})
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

func (v *vault) seal(sealed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.sealed = sealed
		w.WriteHeader(http.StatusNoContent)
	}
}

func (k *key) grow() error {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	k.versions = append(k.versions, aead)
	return err
}

func (v *vault) create(name string, _ fields) (fields, error) {
	if v.keys[name] != nil {
		return fields{}, nil
	}
	k := &key{least: 1}
	v.keys[name] = k
	return fields{}, k.grow()
}

func (v *vault) find(name string) (*key, error) {
	if k := v.keys[name]; k != nil {
		return k, nil
	}
	return nil, refusal{http.StatusBadRequest, "encryption key not found"}
}

func (v *vault) rotate(name string, _ fields) (fields, error) {
	k, err := v.find(name)
	if err != nil {
		return fields{}, err
	}
	return fields{}, k.grow()
}

func (v *vault) config(name string, in fields) (fields, error) {
	k, err := v.find(name)
	if err != nil {
		return fields{}, err
	}
	k.least = in.Least
	return fields{}, nil
}

func (v *vault) encrypt(name string, in fields) (fields, error) {
	k := v.keys[name]
	if k == nil { // the token may update keys, not create them
		return fields{}, refusal{http.StatusForbidden, "permission denied"}
	}
	plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
	if err != nil {
		return fields{}, refusal{http.StatusBadRequest, "failed to base64-decode plaintext"}
	}
	aead := k.versions[len(k.versions)-1]
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return fields{}, err
	}
	sealed := base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, nil))
	return fields{Ciphertext: fmt.Sprintf("vault:v%d:%s", len(k.versions), sealed), KeyVersion: len(k.versions)}, nil
}

func (v *vault) decrypt(name string, in fields) (fields, error) {
	k, err := v.find(name)
	if err != nil {
		return fields{}, err
	}
	version, sealed, _ := strings.Cut(strings.TrimPrefix(in.Ciphertext, "vault:v"), ":")
	n, err := strconv.Atoi(version)
	raw, err64 := base64.StdEncoding.DecodeString(sealed)
	if err != nil || err64 != nil || n < 1 || n > len(k.versions) || len(raw) < 12 {
		return fields{}, refusal{http.StatusBadRequest, "invalid ciphertext: " + in.Ciphertext}
	}
	if n < k.least {
		return fields{}, refusal{http.StatusBadRequest, "ciphertext or signature version is disallowed by policy (too old)"}
	}
	plain, err := k.versions[n-1].Open(nil, raw[:12], raw[12:], nil)
	if err != nil {
		return fields{}, refusal{http.StatusBadRequest, "cipher: message authentication failed"}
	}
	return fields{Plaintext: base64.StdEncoding.EncodeToString(plain)}, nil
}

func (v *vault) rewrap(name string, in fields) (fields, error) {
	out, err := v.decrypt(name, in)
	if err != nil {
		return fields{}, err
	}
	return v.encrypt(name, out)
}

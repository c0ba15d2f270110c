package master

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// place is bound to all that keys of this process wrap, so that nothing else they ever encrypt can stand for it.
const place = "data_keys.wrapped"

// Ring is what FromRing needs of the key ring: *keyring.Ring.
type Ring interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

// FromRing makes a master key of the key ring's data key.
func FromRing(r Ring) Key { return ringKey{r} }

type ringKey struct{ ring Ring }

func (ringKey) ID() string { return "keyring" }

func (k ringKey) Wrap(_ context.Context, plain []byte) ([]byte, error) {
	return k.ring.Seal(plain, place)
}

func (k ringKey) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	plain, err := k.ring.Unseal(wrapped, place)
	if err != nil {
		return nil, ErrWrong
	}
	return plain, nil
}

func (k ringKey) Rewrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	return again(ctx, k, wrapped)
}

func again(ctx context.Context, k Key, wrapped []byte) ([]byte, error) {
	plain, err := k.Unwrap(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return k.Wrap(ctx, plain)
}

const (
	keyBytes = 32
	mostText = 4096 // bytes of a file with a key
)

// FromText makes a master key of 32 random bytes, written in base64 (any kind) or in hexadecimal.
func FromText(text string) (Key, error) {
	raw, err := decode(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	cipher, err := subtle.NewAESGCM(bytes.Clone(raw))
	if err != nil {
		return nil, errors.New("it can't be used as a key")
	}
	id, err := hkdf.Key(sha256.New, raw, nil, "gateway master key id", 8)
	if err != nil {
		return nil, errors.New("it can't be used as a key")
	}
	return textKey{"key:" + hex.EncodeToString(id), cipher}, nil
}

func decode(text string) ([]byte, error) {
	if len(text) == hex.EncodedLen(keyBytes) {
		if raw, err := hex.DecodeString(text); err == nil {
			return raw, nil
		}
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if raw, err := base64.RawStdEncoding.Strict().DecodeString(plain); err == nil && len(raw) == keyBytes {
		return raw, nil
	}
	return nil, errors.New("a master key is 32 random bytes in base64 or hexadecimal, as `openssl rand -base64 32` prints them")
}

// FromFile reads a master key's file, which nobody else may read.
func FromFile(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the master key %s can be read by others (mode %o): run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, mostText))
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	k, err := FromText(string(text))
	if err != nil {
		return nil, fmt.Errorf("the master key %s: %w", path, err)
	}
	return k, nil
}

// FromEnv reads a master key from a variable of the environment.
func FromEnv(name string) (Key, error) {
	text := os.Getenv(name)
	if text == "" {
		return nil, fmt.Errorf("the master key: the variable %s is not set", name)
	}
	k, err := FromText(text)
	if err != nil {
		return nil, fmt.Errorf("the master key in %s: %w", name, err)
	}
	return k, nil
}

type textKey struct {
	id     string
	cipher tink.AEAD
}

func (k textKey) ID() string { return k.id }

func (k textKey) Wrap(_ context.Context, plain []byte) ([]byte, error) {
	return k.cipher.Encrypt(plain, []byte(place))
}

func (k textKey) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	plain, err := k.cipher.Decrypt(wrapped, []byte(place))
	if err != nil {
		return nil, ErrWrong
	}
	return plain, nil
}

func (k textKey) Rewrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	return again(ctx, k, wrapped)
}

// Package master holds master keys: what wraps the key sets of package keyset for the database. One is the key ring's data key, a file
// or a variable with 32 bytes, or a key that a service with the API of Vault's transit engine never hands out.
package master

import (
	"context"
	"errors"
)

// Key is a master key. What it wrapped binds nothing: what is wrapped says itself what it is for. It is safe for use by many.
type Key interface {
	// ID tells the key from others: in the database it says what wraps a set. It tells nothing of the key.
	ID() string
	// Wrap encrypts.
	Wrap(ctx context.Context, plain []byte) ([]byte, error)
	// Unwrap decrypts. Errors: ErrWrong, ErrUnavailable.
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
	// Rewrap encrypts what the key has wrapped anew, by its newest version. Errors: as Unwrap.
	Rewrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

// Why a key does not do what it is asked for.
var (
	ErrWrong       = errors.New("another master key has wrapped it, or it was altered")
	ErrUnavailable = errors.New("the master key can't be reached")
)

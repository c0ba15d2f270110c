package spool

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

const (
	// Chunk is how many bytes are encrypted as one.
	Chunk    = 64 << 10
	overhead = 16       // of a chunk: the tag
	KeySize  = 256 >> 3 // of AES-256
)

// Box encrypts the chunks of one file, each once: their numbers are their nonces (AES-256-GCM), so a chunk opens nowhere but in its place.
type Box struct{ aead cipher.AEAD }

// NewBox makes the box of a key, which must be of one file alone.
func NewBox(key []byte) (Box, error) {
	if len(key) != KeySize {
		return Box{}, errors.New("the key of a file has 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Box{aead}, err
}

func nonce(index int64) []byte {
	var n [12]byte
	binary.BigEndian.PutUint64(n[4:], uint64(index))
	return n[:]
}

// Seal appends the encrypted chunk to dst.
func (b Box) Seal(dst []byte, index int64, plain []byte) []byte {
	return b.aead.Seal(dst, nonce(index), plain, nil)
}

// Open appends the chunk to dst.
func (b Box) Open(dst []byte, index int64, sealed []byte) ([]byte, error) {
	plain, err := b.aead.Open(dst, nonce(index), sealed, nil)
	if err != nil {
		return nil, errors.New("a part of the file can't be decrypted: it was altered, or has another key")
	}
	return plain, nil
}

// Offset is where the encrypted chunk of that number begins.
func Offset(index int64) int64 { return index * (Chunk + overhead) }

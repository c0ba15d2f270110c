package auditlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// mostNote bounds what is read as a checkpoint.
const mostNote = 64 << 10

// Checkpoint says that a log of that name had so many events and that root (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Pruned bool // an extension line of ours: the events up to here were removed by retention
	Note   string
}

const prunedLine = "pruned"

func (c Checkpoint) text() string {
	s := c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
	if c.Pruned {
		s += prunedLine + "\n"
	}
	return s
}

func (c Checkpoint) sign(s note.Signer) (Checkpoint, error) {
	signed, err := note.Sign(&note.Note{Text: c.text()}, s)
	if err != nil {
		return c, fmt.Errorf("signing a checkpoint: %w", err)
	}
	c.Note = string(signed)
	return c, nil
}

var errCheckpoint = errors.New("it is no checkpoint")

// OpenCheckpoint reads a checkpoint that the key has signed.
func OpenCheckpoint(raw []byte, key note.Verifier) (Checkpoint, error) {
	if len(raw) > mostNote {
		return Checkpoint{}, errCheckpoint
	}
	n, err := note.Open(raw, note.VerifierList(key))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading a checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text)
	if err == nil && c.Origin != key.Name() {
		err = errors.New("the checkpoint is of another log")
	}
	c.Note = string(raw)
	return c, err
}

func parseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return c, errCheckpoint
	}
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, errCheckpoint
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return c, errCheckpoint
	}
	copy(c.Root[:], root)
	c.Pruned = lines[3] == prunedLine
	return c, nil
}

// keys of a log: they follow from the key ring and the log's name, so each node of a fleet has its own.
type keys struct {
	signer   note.Signer
	verifier note.Verifier
	vkey     string
	mac      []byte
}

// Ring gives secrets for purposes: *keyring.Ring.
type Ring interface{ Derive(purpose string) []byte }

func keysOf(ring Ring, origin string) (k keys, err error) {
	private := ed25519.NewKeyFromSeed(ring.Derive("audit log " + origin))
	if k.vkey, err = note.NewEd25519VerifierKey(origin, private.Public().(ed25519.PublicKey)); err != nil {
		return k, fmt.Errorf("making the key of the audit log: %w", err)
	}
	if k.verifier, err = note.NewVerifier(k.vkey); err != nil {
		return k, fmt.Errorf("making the key of the audit log: %w", err)
	}
	k.signer = signer{k.verifier, private}
	k.mac = ring.Derive("audit mac " + origin)
	return k, nil
}

// signer implements note.Signer.
type signer struct {
	note.Verifier
	private ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.private, msg), nil }

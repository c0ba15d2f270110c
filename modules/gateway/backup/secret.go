package backup

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/convosphere/gateway/modules/internal/modes"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// Secret opens a backup: a passphrase or the key of a file.
type Secret struct {
	passphrase string
	memory     uint32 // that Argon2id takes for a new backup, in KiB
	key        []byte
}

// MinPassphrase is how many characters a passphrase must have: whoever holds the file can guess at their own speed.
const MinPassphrase = 12

// Passphrase makes a secret of what a person remembers.
func Passphrase(typed string) (Secret, error) {
	switch {
	case !utf8.ValidString(typed):
		return Secret{}, errors.New("the passphrase is not UTF-8")
	case utf8.RuneCountInString(typed) < MinPassphrase:
		return Secret{}, fmt.Errorf("the passphrase is too short: it needs %d characters", MinPassphrase)
	case len(typed) > 1024:
		return Secret{}, errors.New("the passphrase is too long: it may have 1024 bytes")
	}
	return Secret{passphrase: norm.NFC.String(typed), memory: memory}, nil // keyboards differ in how they compose letters
}

const keyLine = "convosphere-backup-key-1 "

// NewKeyFile makes a key file (0600). It overwrites nothing.
func NewKeyFile(path string) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	f, err := owner.New(path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: backups that were made with it would be lost", path)
	}
	if err != nil {
		return fmt.Errorf("making a key file: %w", err)
	}
	_, err = f.WriteString(keyLine + base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close(), syncPath(filepath.Dir(path))); err != nil {
		return fmt.Errorf("making a key file: %w", err)
	}
	return nil
}

// private reads a file that nobody else may read.
func private(what, path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the %s: %w", what, err)
	}
	if modes.Others(info) {
		return nil, fmt.Errorf("%s %s can be read by others (mode %o): run chmod 600 on it", what, path, info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", what, err)
	}
	return raw, nil
}

// PassphraseFile reads a passphrase from the first line of a file. It refuses one that others can read.
func PassphraseFile(path string) (Secret, error) {
	raw, err := private("passphrase file", path, 4096)
	if err != nil {
		return Secret{}, err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return Passphrase(strings.TrimSuffix(line, "\r"))
}

// KeyFile reads a file that NewKeyFile made. It refuses one that others can read.
func KeyFile(path string) (Secret, error) {
	raw, err := private("key file", path, 1024)
	if err != nil {
		return Secret{}, err
	}
	coded, ok := strings.CutPrefix(strings.TrimSpace(string(raw)), keyLine)
	key, err := base64.StdEncoding.DecodeString(coded)
	if !ok || err != nil || len(key) != 32 {
		return Secret{}, fmt.Errorf("%s is no key file that `convosphere backup --new-key` made", path)
	}
	return Secret{key: key}, nil
}

// lock says how the header's keys come from the secret.
type lock struct {
	Kind    string `json:"kind"` // "passphrase" or "key"
	Salt    []byte `json:"salt"`
	Memory  uint32 `json:"memory,omitempty"` // of Argon2id, in KiB
	Time    uint32 `json:"time,omitempty"`
	Threads uint8  `json:"threads,omitempty"`
}

// What a passphrase costs, and what a file's header may at most make us pay before it is known to be genuine.
const (
	memory, passes, threads          = 256 << 10, 3, 4
	maxMemory, maxPasses, maxThreads = 1 << 20, 16, 16
)

func (s Secret) newLock() (lock, error) {
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return lock{}, err
	}
	if s.key != nil {
		return lock{Kind: "key", Salt: salt}, nil
	}
	return lock{Kind: "passphrase", Salt: salt, Memory: s.memory, Time: passes, Threads: threads}, nil
}

// keys returns the key of the header's tag and that of the body.
func (s Secret) keys(l lock) (tag, body []byte, err error) {
	if len(l.Salt) != 32 {
		return nil, nil, errors.New("the header has no salt")
	}
	var main []byte
	switch {
	case l.Kind == "key" && s.key != nil:
		main = s.key
	case l.Kind == "key":
		return nil, nil, errors.New("the backup was made with a key file: name it with --key-file")
	case l.Kind == "passphrase" && s.key != nil:
		return nil, nil, errors.New("the backup was made with a passphrase, not with a key file")
	case l.Kind == "passphrase" && s.passphrase != "":
		if l.Memory < 8<<10 || l.Memory > maxMemory || l.Time < 1 || l.Time > maxPasses || l.Threads < 1 || l.Threads > maxThreads {
			return nil, nil, errors.New("the header asks for an Argon2id of no sensible cost")
		}
		main = argon2.IDKey([]byte(s.passphrase), l.Salt, l.Time, l.Memory, l.Threads, 32)
	default:
		return nil, nil, fmt.Errorf("the header names no known kind of secret (%q)", l.Kind)
	}
	if tag, err = hkdf.Key(sha256.New, main, l.Salt, "convosphere backup header", 32); err != nil {
		return nil, nil, err
	}
	body, err = hkdf.Key(sha256.New, main, l.Salt, "convosphere backup body", 32)
	return tag, body, err
}

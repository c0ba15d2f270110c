package auditlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"
)

// Folder is a log that is only read, also while a gateway writes it.
type Folder struct {
	Dir      string
	Origin   string
	Verifier note.Verifier
	VKey     string
	Own      bool // the key is the folder's own word: nobody else vouches for it
	enc      *encoder
	byRing   bool // the node's key ring is there: each event's own mark can be checked
}

// OpenFolder opens the log in a folder. Its key is that of the key ring, or vkey, or, where neither is given, what the folder says itself.
func OpenFolder(dir string, ring Ring, vkey string) (*Folder, error) {
	origin, err := readOrigin(dir)
	if err != nil {
		return nil, err
	}
	if origin == "" {
		return nil, fmt.Errorf("there is no audit log in %s", dir)
	}
	f := &Folder{Dir: dir, Origin: origin, VKey: strings.TrimSpace(vkey)}
	switch {
	case ring != nil:
		k, err := keysOf(ring, origin)
		if err != nil {
			return nil, err
		}
		if f.VKey != "" && f.VKey != k.vkey {
			return nil, errors.New("the key that is given is not that of the key ring")
		}
		f.VKey, f.byRing, f.enc = k.vkey, true, newEncoder(origin, k.mac)
	default:
		f.enc = newEncoder(origin, nil)
		if f.VKey == "" {
			raw, err := os.ReadFile(filepath.Join(dir, "vkey"))
			if err != nil {
				return nil, fmt.Errorf("reading the log's key: %w", err)
			}
			f.VKey, f.Own = strings.TrimSpace(string(raw)), true
		}
	}
	if f.Verifier, err = note.NewVerifier(f.VKey); err != nil {
		return nil, fmt.Errorf("reading the log's key: %w", err)
	}
	return f, nil
}

// beingWritten tells whether a gateway has the log open now.
func (f *Folder) beingWritten() bool {
	lock, err := os.Open(filepath.Join(f.Dir, "lock"))
	if err != nil {
		return false
	}
	defer lock.Close()
	return errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func (f *Folder) hashes() *hashes { return &hashes{dir: filepath.Join(f.Dir, "hashes")} }

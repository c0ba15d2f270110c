package backup

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// Header tells what a backup is. It is readable without the secret, and authentic with it.
type Header struct {
	Created  time.Time `json:"created"`
	Gateway  string    `json:"gateway"`  // version of the program that made it
	Schema   int64     `json:"schema"`   // version of the tables
	Database string    `json:"database"` // sqlite or postgres
	Keys     bool      `json:"keys"`     // whether the key ring is in it
	Lock     lock      `json:"lock"`
}

const (
	magic     = "convosphere-backup-"
	firstLine = magic + "1\n"
	maxHeader = 4 << 10
	segment   = 1 << 20
)

// Errors of a backup that can't be read. What else goes wrong (a disk, a database) has its own.
var (
	ErrNoBackup = errors.New("this is no backup of a gateway")
	ErrSecret   = errors.New("wrong passphrase or key file (or the head of the backup was altered)")
	ErrAltered  = errors.New("the backup is damaged: it was cut off or altered")
)

// seal writes the head and returns where the records go. Closing it ends the body; without, the backup is cut off.
func seal(w io.Writer, h Header, s Secret) (io.WriteCloser, error) {
	var err error
	if h.Lock, err = s.newLock(); err != nil {
		return nil, err
	}
	tagKey, bodyKey, err := s.keys(h.Lock)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	head := append([]byte(firstLine), binary.BigEndian.AppendUint32(nil, uint32(len(raw)))...)
	head = append(head, raw...)
	head = append(head, tag(tagKey, head)...)
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	stream, err := subtle.NewAESGCMHKDF(bodyKey, "SHA256", 32, segment, 0)
	if err != nil {
		return nil, err
	}
	return stream.NewEncryptingWriter(w, head)
}

func tag(key, head []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(head)
	return m.Sum(nil)
}

// ReadHeader reads the head. It is not known to be genuine: unseal tells.
func ReadHeader(r io.Reader) (Header, error) {
	h, _, err := readHead(r)
	return h, err
}

func readHead(r io.Reader) (h Header, head []byte, err error) {
	start := make([]byte, len(firstLine)+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return h, nil, ErrNoBackup
	}
	switch line := string(start[:len(firstLine)]); {
	case !strings.HasPrefix(line, magic):
		return h, nil, ErrNoBackup
	case line != firstLine:
		return h, nil, errors.New("the backup has a format that this version does not know: restore it with a newer one")
	}
	n := binary.BigEndian.Uint32(start[len(firstLine):])
	if n > maxHeader {
		return h, nil, ErrNoBackup
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return h, nil, ErrNoBackup
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return h, nil, fmt.Errorf("%w: its header can't be read", ErrNoBackup)
	}
	return h, append(start, raw...), nil
}

// unseal checks the head and returns the records. Their reader gives ErrAltered, again and again, once anything is wrong.
func unseal(r io.Reader, s Secret) (Header, io.Reader, error) {
	h, head, err := readHead(r)
	if err != nil {
		return h, nil, err
	}
	tagKey, bodyKey, err := s.keys(h.Lock)
	if err != nil {
		return h, nil, err
	}
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, got); err != nil {
		return h, nil, ErrAltered
	}
	if !hmac.Equal(got, tag(tagKey, head)) {
		return h, nil, ErrSecret
	}
	stream, err := subtle.NewAESGCMHKDF(bodyKey, "SHA256", 32, segment, 0)
	if err != nil {
		return h, nil, err
	}
	body, err := stream.NewDecryptingReader(r, append(head, got...))
	if err != nil {
		return h, nil, ErrAltered
	}
	return h, &strict{r: body}, nil
}

// strict stays at its first error: Tink's reader gives the end of the file after a segment that it refused.
type strict struct {
	r   io.Reader
	err error
}

func (s *strict) Read(p []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err = s.r.Read(p)
	if err != nil && err != io.EOF {
		n, err = 0, fmt.Errorf("%w (%w)", ErrAltered, err)
	}
	s.err = err
	return n, err
}

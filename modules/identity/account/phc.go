package account

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params is what a hash costs.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams is OWASP's recommendation for Argon2id: 19 MiB, two passes, one thread.
var DefaultParams = Params{Memory: 19456, Time: 2, Threads: 1}

// Ceilings of a stored hash: whoever can write one row of the database must not take the memory of the gateway by it.
var ceiling = Params{Memory: 256 << 10, Time: 16, Threads: 16}

const (
	saltLen, keyLen       = 16, 32
	maxSaltLen, maxKeyLen = 64, 64
	maxPHCLen             = 320
)

var errPHC = errors.New("the stored password hash can't be read")

// phc is a hash as it is stored: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
type phc struct {
	Params
	salt, key []byte
}

// Check refuses parameters that Argon2 can't take or that are beyond the ceilings.
func (p Params) Check() error {
	switch {
	case p.Threads < 1 || p.Threads > ceiling.Threads:
		return fmt.Errorf("argon2 threads must be between 1 and %d", ceiling.Threads)
	case p.Time < 1 || p.Time > ceiling.Time:
		return fmt.Errorf("argon2 time must be between 1 and %d", ceiling.Time)
	case p.Memory < 8*uint32(p.Threads) || p.Memory > ceiling.Memory:
		return fmt.Errorf("argon2 memory must be between %d and %d KiB", 8*p.Threads, ceiling.Memory)
	}
	return nil
}

func (h phc) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Time, h.Threads, b64(h.salt), b64(h.key))
}

// parsePHC reads a hash in the one spelling that String writes. Errors: errPHC, without the hash in it.
func parsePHC(s string) (phc, error) {
	var h phc
	if len(s) > maxPHCLen {
		return h, errPHC
	}
	parts := strings.Split(s, "$")
	if len(parts) != 6 {
		return h, errPHC
	}
	cost := strings.Split(parts[3], ",")
	if len(cost) != 3 {
		return h, errPHC
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(cost[i], name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return h, errPHC
		}
		n[i] = v
	}
	if n[2] > uint64(ceiling.Threads) {
		return h, errPHC
	}
	h.Params = Params{Memory: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	switch {
	case err1 != nil || err2 != nil, h.Check() != nil,
		len(h.salt) < 8 || len(h.salt) > maxSaltLen, len(h.key) < 16 || len(h.key) > maxKeyLen,
		h.String() != s: // any other spelling: leading zeros, line breaks, another version
		return phc{}, errPHC
	}
	return h, nil
}

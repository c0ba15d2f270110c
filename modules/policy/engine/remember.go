package engine

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// memory remembers decisions of one snapshot by their whole input. That is sound where the evaluation read nothing but
// input and data: one that asked the clock or for randomness, or that failed, is not remembered (Engine.Decide). It dies
// with its snapshot, and what grants say is part of the input, so nothing in it can be out of date.
type memory struct {
	seed   maphash.Seed
	shards [16]memoryShard
}

type memoryShard struct {
	mu sync.Mutex
	m  map[string]Decision
}

// perShard and maxKey bound the memory: 16 × 1024 decisions of at most 1 KiB and what the map needs, some 20 MiB. An input with
// a longer key is decided each time: its path is whatever an anonymous client likes to send.
const (
	perShard = 1024
	maxKey   = 1 << 10
)

// OPA says of its built-in functions which are not deterministic, and records their calls. These read the clock and are
// not said to: a policy that uses one is never remembered.
var silentClocks = []string{
	"io.jwt.decode_verify", "crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options",
}

// readsClockInSilence tells whether some module uses one of these.
func readsClockInSilence(modules map[string]*ast.Module) bool {
	found := false
	for _, m := range modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			found = found || slices.Contains(silentClocks, r.String())
			return found
		})
	}
	return found
}

func newMemory() *memory {
	mem := &memory{seed: maphash.MakeSeed()}
	for i := range mem.shards {
		mem.shards[i].m = make(map[string]Decision)
	}
	return mem
}

func (m *memory) shard(key []byte) *memoryShard {
	return &m.shards[maphash.Bytes(m.seed, key)%uint64(len(m.shards))]
}

func (m *memory) get(key []byte) (Decision, bool) {
	if m == nil {
		return Decision{}, false
	}
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.m[string(key)]
	return d, ok
}

func (m *memory) put(key []byte, d Decision) {
	if m == nil || len(key) > maxKey {
		return
	}
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.m) >= perShard {
		n := 0
		for k := range s.m { // some of them, as the map's order has it: what is asked for again comes back
			delete(s.m, k)
			if n++; n == perShard/8 {
				break
			}
		}
	}
	s.m[string(key)] = d
}

// key appends all that value() makes the document from, each part with its length, so that no two inputs share one.
func (in *Input) key(b []byte) []byte {
	for _, s := range [...]string{
		in.Permission, in.Classification, in.Method, in.Path, in.Route, in.Host, in.Target,
		in.Resource.Type, in.Resource.ID, in.Parent.Type, in.Parent.ID,
	} {
		b = appendString(b, s)
	}
	b = appendStrings(b, in.Relations)
	b = appendStrings(b, in.ParentRelations)
	if m := in.Message; m != nil {
		b = appendString(appendString(append(b, 1), m.Type), m.Direction)
	} else {
		b = append(b, 0)
	}
	b = append(b, byte(in.Client.IP.BitLen()/8))
	b = append(b, in.Client.IP.AsSlice()...)
	b = appendString(b, in.Client.IP.Zone())
	if in.Client.IP.IsValid() {
		b = appendString(b, in.Client.Country)
	}
	if b = appendIdentity(b, in.Identity); in.Identity != nil && in.BreakGlass {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	switch {
	case in.Truncated:
		b = append(b, 1)
	case in.Body != nil:
		b = appendString(append(b, 2), in.Body.String())
	default:
		b = append(b, 0)
	}
	return b
}

func appendIdentity(b []byte, i *reqctx.Identity) []byte {
	if i == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = appendString(b, i.Subject)
	b = appendString(b, i.Name)
	b = appendString(b, i.Session)
	b = appendString(b, i.Kind)
	b = appendString(b, i.Issuer)
	b = appendString(b, i.ACR)
	b = appendStrings(b, i.Roles)
	b = appendStrings(b, i.Methods)
	b = appendStrings(b, i.Risk)
	if i.Scopes != nil { // limited to none is not unlimited
		b = appendStrings(append(b, 1), i.Scopes)
	} else {
		b = append(b, 0)
	}
	if i.Trusted {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendSeconds(b, i.AuthTime)
	b = appendSeconds(b, i.MFATime)
	return appendSeconds(b, i.Created)
}

// appendSeconds tells no time from the first second of 1970, as the document does.
func appendSeconds(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), t.Unix())
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

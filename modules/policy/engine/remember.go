package engine

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// memory remembers decisions of one snapshot by all of their input that its policy reads. That is sound where the evaluation read nothing but
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
// a longer key is decided each time: its path, where the policy reads it, is whatever an anonymous client likes to send.
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
	if m == nil {
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

// key appends all that value makes the read parts of the document from, each part with its length, so that no two inputs which the
// policy can tell apart share one. An input without a key is not remembered.
func (in *Input) key(b []byte, r reads) ([]byte, bool) {
	if r.any(readBody) && in.Body != nil && !in.Truncated {
		return nil, false // bodies hardly repeat, and reading one through costs what the decision does
	}
	b = appendRead(b, r, readPermission, in.Permission)
	b = appendRead(b, r, readClassification, in.Classification)
	b = appendRead(b, r, readFields, in.Fields)
	b = appendRead(b, r, readMethod, in.Method)
	b = appendRead(b, r, readPath, in.Path)
	b = appendRead(b, r, readRoute, in.Route)
	b = appendRead(b, r, readHost, in.Host)
	b = appendRead(b, r, readQuery, in.Query) // of those that are read alike each is remembered by itself: none needs to be read first
	b = appendRead(b, r, readTarget, in.Target)
	b = appendRead(b, r, inResource, in.Resource.Type)
	b = appendRead(b, r, inResource, in.Resource.ID)
	b = appendRead(b, r, inParent, in.Parent.Type)
	b = appendRead(b, r, inParent, in.Parent.ID)
	b = appendReadList(b, r, readResourceGrants, in.Relations)
	b = appendReadList(b, r, readParentGrants, in.ParentRelations)
	if m := in.Message; r.any(inMessage) {
		b = append(b, flags(m != nil))
		if m != nil {
			b = appendString(appendString(b, m.Type), m.Direction)
		}
	}
	if r.any(inClient) {
		b = in.appendClient(b, r)
	}
	if r.any(inIdentity) {
		b = in.appendIdentity(b, r)
	}
	// What is truncated is decided otherwise, whether or not the policy asks (Engine.Decide).
	return append(b, flags(in.Truncated, !in.Truncated && in.Body != nil && r.any(readTruncated))), len(b) < maxKey
}

func (in *Input) appendClient(b []byte, r reads) []byte {
	ip := in.Client.IP
	b = append(b, flags(ip.IsValid()))
	if !ip.IsValid() {
		return b
	}
	if r.any(readIP) {
		b = append(b, byte(ip.BitLen()/8))
		b = append(b, ip.AsSlice()...)
		b = appendString(b, ip.Zone())
	}
	if r.any(readClientRisk) {
		b = append(b, byte(in.Client.Risk))
	}
	return appendRead(b, r, readCountry, in.Client.Country)
}

func (in *Input) appendIdentity(b []byte, r reads) []byte {
	i := in.Identity
	if i == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = appendRead(b, r, readSubject, i.Subject)
	b = appendRead(b, r, readName, i.Name)
	b = appendRead(b, r, readSession, i.Session)
	b = appendRead(b, r, readKind, i.Kind)
	b = appendRead(b, r, readIssuer, i.Issuer)
	b = appendRead(b, r, readACR, i.ACR)
	b = appendReadList(b, r, readRoles, i.Roles)
	b = appendReadList(b, r, readAMR, i.Methods)
	b = appendReadList(b, r, readRisk, i.Risk)
	b = appendReadList(b, r, readScopes, i.Scopes)
	b = append(b, flags(
		i.Scopes != nil && r.any(readScopes), // limited to none is not unlimited
		i.Trusted && r.any(readTrusted), in.BreakGlass && r.any(readBreakGlass)))
	b = appendReadTime(b, r, readAuthTime, i.AuthTime)
	b = appendReadTime(b, r, readMFATime, i.MFATime)
	return appendReadTime(b, r, readCreated, i.Created)
}

func flags(bits ...bool) (b byte) {
	for i, set := range bits {
		if set {
			b |= 1 << i
		}
	}
	return b
}

func appendRead(b []byte, r, part reads, s string) []byte {
	if !r.any(part) {
		return b
	}
	return appendString(b, s)
}

func appendReadList(b []byte, r, part reads, list []string) []byte {
	if !r.any(part) {
		return b
	}
	return appendStrings(b, list)
}

func appendReadTime(b []byte, r, part reads, t time.Time) []byte {
	if !r.any(part) {
		return b
	}
	return appendSeconds(b, t)
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

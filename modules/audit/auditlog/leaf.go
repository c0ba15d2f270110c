package auditlog

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
)

// A leaf of the tree is one event, as a JSON object:
//
//	{"audit.index":N,<members that tell of nobody>,"audit.sealed":{"id":"…","data":"…"},"audit.lost":L,"audit.mac":"…"}
//
// audit.sealed holds the other members as an object, AES-256-GCM under the key of that id, bound to the log and the index. audit.mac is HMAC-SHA256 of
// all before it, cut to 16 bytes, under a key that only the node's key ring gives: whoever has it tells a leaf of the gateway's from any other, also where
// the hashes were altered with it.
const (
	leafHead  = `{"audit.index":`
	leafMAC   = `,"audit.mac":"`
	macBytes  = 16
	macText   = 22 // unpadded base64
	leafTail  = `"}`
	groupHead = `{"audit.checkpoint":`
)

// longestLine bounds what is taken for a line. An event takes some KiB, and what is sealed a third more.
const longestLine = 4 << 20

// public are the members of events that tell of nobody. What is not listed is sealed: fail closed on what others add.
var public = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range []string{
		"@timestamp", "event.id", "event.kind", "event.category", "event.type", "event.action", "event.outcome", "event.reason", "event.severity", "event.duration",
		"http.request.id", "trace.id", "span.id", "http.request.method", "http.request.body.bytes", "http.response.body.bytes", "http.response.status_code",
		"rule.id", "rule.name", "rule.level", "gateway.route", "gateway.node", "gateway.events_dropped", "gateway.cut", "gateway.resource.type", "gateway.problem", "gateway.problem_by", "gateway.classification",
		"gateway.decision.id", "gateway.decision.allow", "gateway.decision.revision", "gateway.policy.revision", "gateway.zone",
		"gateway.audit.origin", "gateway.audit.size", "gateway.audit.root", "gateway.audit.checkpoint", "gateway.audit.cause", "gateway.audit.bytes", "gateway.audit.folder",
		"gateway.audit.keys",
	} {
		all[name] = true
	}
	return all
}()

// encoder makes leaves. It is one goroutine's.
type encoder struct {
	origin  string
	mac     hash.Hash
	sum     hash.Hash
	members []member
	plain   []byte
	sealed  []byte
	digest  []byte
}

func newEncoder(origin string, mac []byte) *encoder {
	return &encoder{origin: origin, mac: hmac.New(sha256.New, mac), sum: sha256.New()}
}

// leaf appends the leaf of an event's line to dst. What is personal is sealed with the key.
func (e *encoder) leaf(dst, line []byte, index, lost int64, key *personal.Key) ([]byte, error) {
	all, err := members(line, e.members[:0])
	e.members = all
	if err != nil {
		return dst, err
	}
	start := len(dst)
	dst = strconv.AppendInt(append(dst, leafHead...), index, 10)
	e.plain = append(e.plain[:0], '{')
	for _, m := range all {
		if public[string(m.key)] {
			dst = append(append(append(append(dst, `,"`...), m.key...), `":`...), m.value...)
			continue
		}
		if len(e.plain) > 1 {
			e.plain = append(e.plain, ',')
		}
		e.plain = append(append(append(append(e.plain, '"'), m.key...), `":`...), m.value...)
	}
	if len(e.plain) > 1 {
		e.plain = append(e.plain, '}')
		e.sealed = key.Seal(e.sealed[:0], e.plain, place(e.origin, index))
		dst = append(append(append(dst, `,"audit.sealed":{"id":"`...), key.ID...), `","data":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, e.sealed), `"}`...)
	}
	if lost > 0 {
		dst = strconv.AppendInt(append(dst, `,"audit.lost":`...), lost, 10)
	}
	e.mac.Reset()
	e.mac.Write(dst[start:])
	e.digest = e.mac.Sum(e.digest[:0])
	dst = base64.RawStdEncoding.AppendEncode(append(dst, leafMAC...), e.digest[:macBytes])
	return append(dst, leafTail...), nil
}

// hash is the leaf's hash in the tree (RFC 6962, 2.1).
func (e *encoder) hash(leaf []byte) (h tlog.Hash) {
	e.sum.Reset()
	e.sum.Write([]byte{0})
	e.sum.Write(leaf)
	e.digest = e.sum.Sum(e.digest[:0])
	copy(h[:], e.digest)
	return h
}

// authentic tells whether the leaf is one that the node's key ring has made.
func (e *encoder) authentic(leaf []byte) bool {
	head, mac, ok := cutMAC(leaf)
	if !ok {
		return false
	}
	e.mac.Reset()
	e.mac.Write(head)
	e.digest = e.mac.Sum(e.digest[:0])
	var given [macBytes + 2]byte
	n, err := base64.RawStdEncoding.Strict().Decode(given[:], mac)
	return err == nil && hmac.Equal(given[:n], e.digest[:macBytes])
}

func cutMAC(leaf []byte) (head, mac []byte, ok bool) {
	at := len(leaf) - len(leafTail) - macText
	if at < len(leafMAC) || !bytes.HasSuffix(leaf, []byte(leafTail)) || !bytes.HasSuffix(leaf[:at], []byte(leafMAC)) {
		return nil, nil, false
	}
	return leaf[:at-len(leafMAC)], leaf[at : at+macText], true
}

// place is what a sealed part is bound to.
func place(origin string, index int64) []byte {
	return strconv.AppendInt(append([]byte(origin), 0), index, 10)
}

// text is what a JSON string stands for, nil for anything else.
func text(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return []byte(s)
}

// indexOf is the index that a leaf claims.
func indexOf(leaf []byte) (index int64, ok bool) {
	rest, ok := bytes.CutPrefix(leaf, []byte(leafHead))
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	if end == 0 || end == len(rest) || rest[end] != ',' && rest[end] != '}' || end > 1 && rest[0] == '0' {
		return 0, false
	}
	index, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return index, err == nil
}

// Leaf is one event of the log, as it is read.
type Leaf struct {
	Index   int64
	Line    []byte // as it stands in the log; overwritten when the next is read
	Public  []byte // the event's members that tell of nobody, as a JSON object
	KeyID   string // of what is sealed; "" where nothing is
	Lost    int64  // events that were lost before it
	ID      string // event.id
	Time    string // @timestamp
	Action  string // event.action
	sealed  []byte // base64
	members []member
}

var errLeaf = errors.New("it is no leaf of an audit log")

// parse reads a leaf; l is used again.
func (l *Leaf) parse(line []byte) error {
	all, err := members(line, l.members[:0])
	*l = Leaf{Line: line, Public: append(l.Public[:0], '{'), members: all}
	if err != nil {
		return errLeaf
	}
	var ok bool
	if l.Index, ok = indexOf(line); !ok {
		return errLeaf
	}
	for _, m := range all {
		switch key := string(m.key); key {
		case "audit.index", "audit.mac":
		case "audit.lost":
			if l.Lost, err = strconv.ParseInt(string(m.value), 10, 64); err != nil {
				return errLeaf
			}
		case "audit.sealed":
			var part struct{ ID, Data string }
			if json.Unmarshal(m.value, &part) != nil {
				return errLeaf
			}
			l.KeyID, l.sealed = part.ID, []byte(part.Data)
		default:
			switch key {
			case "event.id":
				l.ID = string(text(m.value))
			case "event.action":
				l.Action = string(text(m.value))
			case "@timestamp":
				l.Time = string(text(m.value))
			}
			if len(l.Public) > 1 {
				l.Public = append(l.Public, ',')
			}
			l.Public = append(append(append(append(l.Public, '"'), m.key...), `":`...), m.value...)
		}
	}
	l.Public = append(l.Public, '}')
	return nil
}

// open gives the sealed members as a JSON object.
func (l *Leaf) open(origin string, key *personal.Key) ([]byte, error) {
	raw, err := base64.StdEncoding.AppendDecode(nil, l.sealed)
	if err != nil {
		return nil, errLeaf
	}
	return key.Open(raw, place(origin, l.Index))
}

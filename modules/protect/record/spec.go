package record

import (
	"errors"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
)

// Spec says where records of one kind lie in a document, and what is done to them.
type Spec struct {
	// What the record is: "message". Tokens are bound to it.
	Type string `json:"type"`

	// Where it lies: a JSON pointer (RFC 6901) with * for each element of an array, "/messages/*". Default: the document itself.
	Pointer string `json:"pointer,omitempty"`

	// Where it is looked for: in a "request", or in an "answer". Default: in both.
	In string `json:"in,omitempty"`

	// Its id, with {name} for a variable of the path and {.member} for a member of the record. Default: {.id}.
	ID string `json:"id,omitempty"`

	// The key set of its fields, as room/{room}: one of each tenant, room or person.
	KeySet string `json:"key_set"`

	// The member that the gateway puts a new ULID into, in requests.
	Mint string `json:"mint,omitempty"`

	// What is encrypted, besides what the classification says.
	Encrypt []Member `json:"encrypt,omitempty"`

	// Members that are made for searching.
	Index []Index `json:"index,omitempty"`
}

// Member is one that is encrypted.
type Member struct {
	// Names with dots between, or a JSON pointer with * for each element of an array. Both begin at the record.
	Name string `json:"name"`

	// What it is called to the encryption. Default: its name. A value that moves from one member of the back end's to another must be called the same.
	As string `json:"as,omitempty"`
}

// Index puts a blind index of a member (an HMAC that is the same for the same value in a key set) into another, and takes it out of answers.
type Index struct {
	Member string `json:"member"`
	Into   string `json:"into"`
}

// Direction of a document.
type Direction uint8

// Directions.
const (
	Request Direction = iota
	Answer
)

// Words of Spec.In.
const (
	InRequest = "request"
	InAnswer  = "answer"
)

const (
	star      = "*"
	defaultID = "{.id}"
)

func (s *Spec) in(d Direction) bool {
	return s.In == "" || (d == Request) == (s.In == InRequest)
}

// Check tells whether the record is well described. known tells of the path's variables.
func (s *Spec) Check(known func(string) bool) error {
	_, err := s.compile(known)
	return err
}

// kind is a Spec ready for use.
type kind struct {
	typ    string
	path   jsonstream.Path
	id     *template
	keySet *template
	mint   string
	fields []fieldPath
	index  []Index
	both   *Spec
}

type fieldPath struct {
	path jsonstream.Path
	name string // to the encryption
}

func (s *Spec) compile(known func(string) bool) (k *kind, err error) {
	k = &kind{typ: s.Type, mint: s.Mint, index: s.Index, both: s}
	if s.Type == "" || strings.Trim(s.Type, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return nil, fmt.Errorf("record %q: its type is written in a-z, 0-9, _ and -, as message", s.Type)
	}
	if s.In != "" && s.In != InRequest && s.In != InAnswer {
		return nil, fmt.Errorf("record %s: it is in a %s or an %s, not in %q", s.Type, InRequest, InAnswer, s.In)
	}
	if k.path, err = pointer(s.Pointer); err != nil {
		return nil, fmt.Errorf("record %s: %w", s.Type, err)
	}
	id := s.ID
	if id == "" {
		id = defaultID
	}
	if k.id, err = parseTemplate(id, known); err != nil {
		return nil, fmt.Errorf("record %s: id %w", s.Type, err)
	}
	if s.KeySet == "" {
		return nil, fmt.Errorf("record %s: its key set is not named", s.Type)
	}
	if k.keySet, err = parseTemplate(s.KeySet, known); err != nil {
		return nil, fmt.Errorf("record %s: key_set %w", s.Type, err)
	}
	if err := s.members(k); err != nil {
		return nil, fmt.Errorf("record %s: %w", s.Type, err)
	}
	return k, nil
}

// members reads what is said of members.
func (s *Spec) members(k *kind) error {
	for _, m := range s.Encrypt {
		p, err := jsonstream.ParsePath(m.Name)
		if err != nil {
			return err
		}
		if len(p) == 0 {
			return errors.New("encrypt: name a member")
		}
		name := m.As
		if name == "" {
			name = fieldName(p)
		}
		k.fields = append(k.fields, fieldPath{p, name})
	}
	for _, i := range s.Index {
		if !plainName(i.Member) || !plainName(i.Into) || strings.EqualFold(i.Member, i.Into) {
			return fmt.Errorf("index %s %s: both are members of the record itself, and not the same", i.Member, i.Into)
		}
	}
	if s.Mint != "" && !plainName(s.Mint) {
		return fmt.Errorf("mint %s: it is a member of the record itself", s.Mint)
	}
	return nil
}

// fieldName is what a member is called that has no other name to the encryption.
func fieldName(p jsonstream.Path) string { return strings.Join(p, "/") }

func plainName(s string) bool { return s != "" && s != star && !strings.ContainsAny(s, "/.{}~\"\\") }

// pointer reads one that begins with a slash.
func pointer(text string) (jsonstream.Path, error) {
	if text != "" && text[0] != '/' {
		return nil, fmt.Errorf("%q: a JSON pointer begins with a slash", text)
	}
	return jsonstream.ParsePath(text)
}

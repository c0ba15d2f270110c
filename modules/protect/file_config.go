package protect

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/protect/record"
	"github.com/convosphere/gateway/modules/protect/stream"
)

// File says where files pass: bodies that are encrypted whole, while they stream. What POST and PUT bring is encrypted (the body itself, or the one file of a
// form), what GET and HEAD answer is decrypted.
type File struct {
	// At least one of GET, POST and PUT.
	Methods []string `json:"methods"`

	// "/api/files/{id}".
	Path string `json:"path"`

	// The key set of what is encrypted, as room/{room}, of variables of the path. What is decrypted names its own; where one is given it must be that.
	KeySet string `json:"key_set,omitempty"`

	// What the record is: "file". Files are bound to it.
	Type string `json:"type"`

	// Its id, of variables of the path. None where it is minted.
	ID string `json:"id,omitempty"`

	// The request header in which the back end gets the id, a new ULID, that it has to give the file. No client's own comes through.
	Mint string `json:"mint_header,omitempty"`

	// The fields of forms that may be the file. Default: any.
	Parts []string `json:"parts,omitempty"`
}

// fileField is what a file's contents are called to the encryption.
const fileField = "body"

// file is a File ready for use. It never changes.
type file struct {
	name    string
	pattern *route.Pattern
	keySet  *record.Name // nil: not given
	typ     string
	id      *record.Name // nil: it is minted
	mint    string
	parts   []string
}

type files = route.Router[*file]

// compileFiles makes the router of files.
func compileFiles(list []File) (*files, error) {
	rt := new(files)
	for _, f := range list {
		c, err := f.compile()
		if err != nil {
			return nil, fmt.Errorf("file %s %s: %w", strings.Join(f.Methods, ","), f.Path, err)
		}
		for _, m := range f.Methods {
			if err := rt.Add(m, c.pattern, c.name, c); err != nil {
				return nil, err
			}
		}
	}
	return rt, nil
}

func (f File) uploads() bool {
	return slices.Contains(f.Methods, http.MethodPost) || slices.Contains(f.Methods, http.MethodPut)
}

func (f File) compile() (c *file, err error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	c = &file{name: strings.Join(f.Methods, ",") + " " + f.Path, typ: f.Type, mint: http.CanonicalHeaderKey(f.Mint), parts: f.Parts}
	if c.pattern, err = route.ParsePattern(f.Path); err != nil {
		return nil, err
	}
	if f.KeySet != "" {
		if c.keySet, err = record.ParseName(f.KeySet, c.pattern.Has); err != nil {
			return nil, fmt.Errorf("key_set %w", err)
		}
	}
	if f.ID != "" {
		if c.id, err = record.ParseName(f.ID, c.pattern.Has); err != nil {
			return nil, fmt.Errorf("id %w", err)
		}
	}
	for _, n := range []*record.Name{c.keySet, c.id} {
		if n != nil && !n.Constant() {
			return nil, errors.New("a file has no members: its key set and id are of variables of the path")
		}
	}
	return c, nil
}

func (f File) check() error {
	for _, m := range f.Methods {
		if m != http.MethodGet && m != http.MethodPost && m != http.MethodPut {
			return fmt.Errorf("method %s: files come by GET, POST and PUT", m)
		}
	}
	switch {
	case len(f.Methods) == 0:
		return errors.New("name its methods")
	case f.Type == "" || strings.Trim(f.Type, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "":
		return fmt.Errorf("record %q: its type is written in a-z, 0-9, _ and -, as file", f.Type)
	case f.KeySet == "" && f.uploads():
		return errors.New("what is encrypted needs a key_set")
	case (f.ID == "") == (f.Mint == ""):
		return errors.New("either the path tells the record's id, or it is minted")
	case f.Mint != "" && slices.Contains(f.Methods, http.MethodGet):
		return errors.New("what is read has an id already: it can't be minted")
	case f.Mint != "" && (!httpguts.ValidHeaderFieldName(f.Mint) || !strings.HasPrefix(strings.ToLower(f.Mint), "x-")):
		return fmt.Errorf("mint header %s: name one that begins with X-", f.Mint)
	}
	return nil
}

// sealing tells whether a request brings a file.
func (f *file) sealing(method string) bool {
	return f != nil && (method == http.MethodPost || method == http.MethodPut)
}

// without leaves out, of what must be encrypted, what the file is: the whole body, "", or the field of a form that is one.
func (f *file) without(pointers []string) []string {
	if f == nil {
		return pointers
	}
	return slices.DeleteFunc(pointers, func(p string) bool {
		return p == "" || slices.Contains(f.parts, strings.TrimPrefix(p, "/"))
	})
}

// opening tells whether a request asks for one.
func (f *file) opening(method string) bool {
	return f != nil && (method == http.MethodGet || method == http.MethodHead)
}

func (f *file) vars(segs []string) record.Vars {
	return func(name string) (string, bool) { return f.pattern.Value(name, segs) }
}

// place is where a file belongs, but for its tenant.
func (f *file) place(id string) stream.Place {
	return stream.Place{Record: f.typ + "/" + id, Field: fileField}
}

// minted are the headers, folded, in which the back end is told ids: no client's to send.
func minted(list []File) (folded []string) {
	for _, f := range list {
		if f.Mint != "" {
			folded = append(folded, fold(f.Mint))
		}
	}
	return folded
}

// fold reads a header's name as servers do that tell no case, and take every other sign for -.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}

// disown takes the headers out of a request that the gateway alone may send. The request stays as it is for those further out.
func (h *Handler) disown(r *http.Request) *http.Request {
	if len(h.minted) == 0 {
		return r
	}
	out := r
	for name := range r.Header {
		if name[0]|0x20 != 'x' || !slices.Contains(h.minted, fold(name)) {
			continue
		}
		if out == r {
			out = r.WithContext(r.Context())
			out.Header = r.Header.Clone()
		}
		delete(out.Header, name)
	}
	return out
}

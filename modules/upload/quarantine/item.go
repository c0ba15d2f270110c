package quarantine

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Item is one file that was refused.
type Item struct {
	ID        string
	Node      string // the gateway whose disk has what it holds
	At        time.Time
	Expires   time.Time
	Released  time.Time // when an operator allowed what it holds; zero: not
	Size      int64
	SHA256    string   // in hex
	Type      string   // by content
	Rules     []string // what was found
	Signature string   // of the scanner
	Route     string
	Request   string // its id
	Account   string // the id of who sent it; "" nobody who was signed in
	Name      string // as the client called it
}

// secret is what of a row is sealed.
type secret struct {
	Name string `json:"name"`
	Key  []byte `json:"key"`
}

// place is what a row's secret is sealed for.
func place(id string) string { return store.Key("quarantine", "sealed", id) }

const columns = `id, node, at, expires, released, size, sha256, type, rules, signature, route, request, account, sealed`

// row reads one row of columns.
func (b *Book) row(r interface{ Scan(...any) error }) (i Item, key []byte, err error) {
	var at, expires, released int64
	var rules string
	var sealed []byte
	if err := r.Scan(&i.ID, &i.Node, &at, &expires, &released, &i.Size, &i.SHA256, &i.Type, &rules, &i.Signature, &i.Route, &i.Request, &i.Account, &sealed); err != nil {
		return Item{}, nil, err
	}
	i.At, i.Expires, i.Released, i.Rules = database.Time(at), database.Time(expires), database.Time(released), strings.Fields(rules)
	plain, err := b.o.Keys.Unseal(sealed, place(i.ID))
	if err != nil {
		return Item{}, nil, fmt.Errorf("%s: %w", i.ID, err)
	}
	var s secret
	if json.Unmarshal(plain, &s) != nil {
		return Item{}, nil, fmt.Errorf("%s: its secret is none", i.ID)
	}
	i.Name = s.Name
	return i, s.Key, nil
}

var hash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseHash reads a SHA-256 in hex.
func ParseHash(s string) (string, error) {
	if s = strings.ToLower(s); !hash.MatchString(s) {
		return "", errors.New("a SHA-256 has 64 hexadecimal digits")
	}
	return s, nil
}

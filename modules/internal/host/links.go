package host

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/link"
)

// FillTLS fills in placeholders, and makes paths whole: two spellings of one file are one link across reloads.
func FillTLS(t link.TLS) (link.TLS, error) {
	repl := caddy.NewReplacer()
	for _, s := range []*string{&t.CA, &t.Certificate, &t.Key, &t.ServerName} {
		v, err := repl.ReplaceOrErr(*s, true, true)
		if err != nil {
			return t, err
		}
		*s = strings.TrimSpace(v)
	}
	for _, path := range []*string{&t.CA, &t.Certificate, &t.Key} {
		if *path == "" {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return t, err
		}
	}
	return t, nil
}

// DatabaseName is the database's name with what a configuration says of its link, t, nil where it says nothing.
func DatabaseName(name string, t *link.TLS) (string, error) {
	if t == nil {
		return name, nil
	}
	if name == "" || strings.HasPrefix(name, "sqlite") {
		return "", fmt.Errorf("database_tls: the database is no link to another machine")
	}
	filled, err := FillTLS(*t)
	if err == nil {
		name, err = database.Secure(name, filled)
	}
	if err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	return name, nil
}

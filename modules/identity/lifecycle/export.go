package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/store"
)

// part is what one table has of a person. Secrets, and hashes of them, are not among it. Names that end in _at or _time are times.
type part struct{ name, columns, from, order string }

// parts of an export. What is sealed with the person's key stands in the profile.
var parts = []part{
	{"second_factors", "id, kind, name, created_at, used_at", "second_factors WHERE account = ?", "created_at"},
	{"recovery_codes", "created_at, used_at", "recovery_codes WHERE account = ?", "created_at"},
	{"sessions", "id, created_at, auth_time, mfa_time, amr, user_agent, ip, country, risk, used_at, idle_at, ended_at, reason", "sessions WHERE account = ?", "created_at"},
	{"devices", "id, user_agent, ip, country, created_at, used_at", "devices WHERE account = ?", "created_at"},
	{"countries", "country, used_at", "login_countries WHERE account = ?", "country"},
	{"tokens", "id, kind, name, scopes, created_at, expires_at, used_at, ended_at, reason", "tokens WHERE account = ?", "created_at"},
	{"access_reviews", "review, kind, what, detail, decision, note", "review_lines WHERE account = ?", "review, n"},
}

// grants hang on the name.
var grants = part{"grants", "relation, object, at", "grants WHERE subject = ?", "object, relation"}

// ExportOwn is Export by the person; it is recorded, since a thief may have taken it.
func (d *Desk) ExportOwn(ctx context.Context, a account.Account, t session.Attempt) (map[string]any, error) {
	out, err := d.Export(ctx, a)
	if err == nil {
		d.emit(t, a.ID, "account-exported", event.Success, "")
	}
	return out, err
}

// Export is everything that the gateway keeps of a person, for them (GDPR, articles 15 and 20), as it is to be written in JSON. Events are not in it: they are
// found by the id.
func (d *Desk) Export(ctx context.Context, a account.Account) (map[string]any, error) {
	p, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	out := map[string]any{
		"exported_at": stamp(d.Now()),
		"account": map[string]any{
			"id": p.ID, "username": p.Username, "display_name": p.DisplayName, "email": p.Email, "email_verified": p.EmailVerified, "locale": p.Locale,
			"roles": p.Roles, "disabled": p.Disabled, "created_at": stamp(p.CreatedAt), "password_changed_at": stamp(p.PasswordChangedAt), "last_auth_at": stamp(p.LastAuthAt),
		},
	}
	for _, t := range parts {
		if out[t.name], err = d.rows(ctx, t, a.ID); err != nil {
			return nil, err
		}
	}
	if out[grants.name], err = d.rows(ctx, grants, a.Name); err != nil {
		return nil, err
	}
	out["links"], err = d.links(ctx, a)
	return out, err
}

// links are the outside providers, with what they call the person, which is sealed where it rests.
func (d *Desk) links(ctx context.Context, a account.Account) ([]map[string]any, error) {
	found, err := federation.NewLinks(d.DB, d.Accounts, nil).List(ctx, a.ID) // the key is for what is looked up
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	for _, l := range found {
		all = append(all, map[string]any{"provider": l.Provider, "issuer": l.Issuer, "label": l.Label, "created_at": stamp(l.CreatedAt), "used_at": stamp(l.UsedAt)})
	}
	return all, nil
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// rows reads a part as JSON objects.
func (d *Desk) rows(ctx context.Context, t part, of string) ([]map[string]any, error) {
	found, err := d.DB.Query(ctx, `SELECT `+t.columns+` FROM `+t.from+` ORDER BY `+t.order, of)
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", t.name, err)
	}
	defer found.Close()
	names := strings.Split(t.columns, ", ")
	all := []map[string]any{}
	for found.Next() {
		values, to := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			to[i] = &values[i]
		}
		if err := found.Scan(to...); err != nil {
			return nil, fmt.Errorf("exporting %s: %w", t.name, err)
		}
		row := map[string]any{}
		for i, name := range names {
			row[name] = written(name, values[i])
		}
		if err := d.unseal(t.name, row); err != nil {
			return nil, fmt.Errorf("exporting %s: %w", t.name, err)
		}
		all = append(all, row)
	}
	return all, found.Err()
}

// unseal puts what sealed columns say in their place. They are sealed for table, column and row.
func (d *Desk) unseal(table string, row map[string]any) error {
	for _, column := range []string{"ip", "user_agent"} {
		stored, ok := row[column].(string)
		id, _ := row["id"].(string)
		if !ok {
			continue
		}
		text, err := d.Keys.UnsealText(stored, store.Key(table, column, id))
		if err != nil {
			return err
		}
		row[column] = text
	}
	return nil
}

// written is a column's value in JSON, whichever database it came from.
func written(name string, v any) any {
	switch v := v.(type) {
	case int64:
		if name == "at" || strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "_time") {
			return stamp(database.Time(v))
		}
		return v
	case []byte:
		return string(v)
	}
	return v
}

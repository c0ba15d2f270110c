package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

const (
	mostKeys = 8   // named of one table's rows in one transaction
	longKey  = 128 // bytes of one
)

// Rows is what one transaction did to rows of a table.
type Rows struct {
	Table     string
	Operation string   // insert, update or delete
	Keys      []string // some of them, as id=…: no values of other columns
	Count     int64    // 0: that is not known
}

// uncounted is the result of a statement that returns rows.
type uncounted struct{}

func (uncounted) LastInsertId() (int64, error) { return 0, nil }
func (uncounted) RowsAffected() (int64, error) { return 0, nil }

type actorKey struct{}

// As has changes under the context be those of an actor other than the request's: "command", for whoever has the admin socket.
func As(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor is what As said, "" nothing.
func Actor(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// told are the tables whose changes are told, by the columns that name a row and are neither secret nor anybody's name. bookkeeping are columns that
// requests write on their way, whose updates are no change that somebody made.
var told = map[string]struct{ keys, bookkeeping []string }{
	"accounts":         {[]string{"id"}, []string{"last_auth_at", "code_failures", "code_locked_until"}},
	"account_links":    {[]string{"id", "account"}, []string{"used_at"}},
	"second_factors":   {[]string{"id", "account"}, []string{"counter", "used_at", "verifies", "backed_up"}},
	"recovery_codes":   {[]string{"account"}, nil},
	"sessions":         {[]string{"id", "account"}, []string{"refresh", "previous", "rotated_at", "used_at", "idle_at", "access_until"}},
	"tokens":           {[]string{"id", "account"}, []string{"used_at"}},
	"services":         {[]string{"account"}, nil},
	"service_keys":     {[]string{"account", "kid"}, []string{"used_at"}},
	"devices":          {[]string{"id", "account"}, []string{"user_agent", "ip", "country", "used_at", "trusted_until", "revision"}},
	"grants":           {[]string{"object", "relation"}, nil}, // subjects are names
	"bans":             {[]string{"prefix"}, nil},
	"policy_data":      {[]string{"path"}, nil},
	"data_keys":        {[]string{"id"}, nil},
	"data_key_masters": {[]string{"id"}, nil},
	"quarantine":       {[]string{"id"}, nil},
	"upload_allowed":   {[]string{"sha256"}, nil},
	"tickets":          {[]string{"id", "account"}, []string{"tries"}},
	"reviews":          {[]string{"id"}, []string{"version"}},
	"review_lines":     {[]string{"review", "n"}, nil},
	"risks":            {[]string{"id"}, []string{"seen", "title", "detail", "mend", "link", "times", "version"}},
	"measures":         {[]string{"subject_kind", "kind"}, nil},
	"responses":        {[]string{"id"}, nil},
}

// untold are the tables whose changes are not told, and why.
var untold = map[string]string{
	"changes": "the feed, which tells the gateways themselves of each change", "audit_heads": "how far the audit log is: its events tell", "audit_keys": "made by the audit log for whom its events tell of",
	"figures": "sums of events", "outbox": "mails on their way", "old_passwords": "follows a change of accounts", "login_countries": "noted at each login", "account_keys": "made and gone with its account",
	"reserved_names": "follows a deletion of accounts", "ban_history": "follows bans", "data_key_rewrap": "how far a rewrap is: its events tell",
	"alerts": "messages on their way", "alerts_told": "messages that went", "alert_escalations": "messages that are due", "risk_history": "a record of changes itself",
	"incidents": "counts findings as they come; what people do is told by incident events", "incident_changes": "a record of changes itself", "incident_findings": "findings as they come",
	"incident_subjects": "findings as they come", "incident_techniques": "findings as they come", "incident_rules": "findings as they come", "incident_evidence": "events as they come",
	"incident_notes": "told by incident events", "incident_steps": "told by incident events", "backups": "told by the events of backups", "turns": "which gateway does what, renewed all the time",
	"schema_needs": "written by migrations",
}

// Observe has f told of the rows that each transaction changed, once it is committed. f must not wait. Of several, the last is told; stop ends it.
func (db *DB) Observe(f func(ctx context.Context, rows []Rows)) (stop func()) {
	p := &f
	db.observing.Lock()
	defer db.observing.Unlock()
	db.observers = append(db.observers, p)
	db.observer.Store(p)
	return func() {
		db.observing.Lock()
		defer db.observing.Unlock()
		// The one before is told again: where a reload fails, its configuration goes on.
		db.observers = slices.DeleteFunc(db.observers, func(o *func(context.Context, []Rows)) bool { return o == p })
		if n := len(db.observers); n > 0 {
			db.observer.Store(db.observers[n-1])
			return
		}
		db.observer.Store(nil)
	}
}

// note adds what a statement did.
func note(rows []Rows, q string, args []any, res sql.Result) []Rows {
	n, err := res.RowsAffected()
	if _, asks := res.(uncounted); err != nil || n == 0 && !asks {
		return rows
	}
	table, operation, key := statement(q, args)
	if operation == "" {
		return rows
	}
	i := slices.IndexFunc(rows, func(r Rows) bool { return r.Table == table && r.Operation == operation })
	if i < 0 {
		rows = append(rows, Rows{Table: table, Operation: operation})
		i = len(rows) - 1
	}
	r := &rows[i]
	r.Count += n
	if key != "" && len(r.Keys) < mostKeys && !slices.Contains(r.Keys, key) {
		r.Keys = append(r.Keys, key)
	}
	return rows
}

// statement reads which table one of our statements changes, and by which key. operation is "" for what is not told. Our queries are SQL that we wrote: a name stands
// behind INSERT INTO, UPDATE or DELETE FROM, values are ?.
func statement(q string, args []any) (table, operation, key string) {
	words := strings.Fields(q)
	if len(words) < 3 {
		return "", "", ""
	}
	switch strings.ToUpper(words[0]) {
	case "INSERT":
		table, operation = words[2], "insert"
	case "UPDATE":
		table, operation = words[1], "update"
	case "DELETE":
		table, operation = words[2], "delete"
	}
	table, _, _ = strings.Cut(table, "(")
	t, ok := told[table]
	if !ok || operation == "" || operation == "update" && kept(q, t.bookkeeping) {
		return "", "", ""
	}
	var keys []string
	for column, i := range placeholders(q, operation) {
		if slices.Contains(t.keys, column) && i < len(args) {
			keys = append(keys, column+"="+text(args[i]))
		}
	}
	slices.Sort(keys)
	return table, operation, strings.Join(keys, " ")
}

// kept tells whether an update sets nothing but these columns.
func kept(q string, columns []string) bool {
	_, sets, ok := strings.Cut(q, " SET ")
	if !ok || len(columns) == 0 {
		return false
	}
	sets, _, _ = strings.Cut(sets, "WHERE")
	depth, start := 0, true // of parentheses; at the start of an assignment
	for i := 0; i < len(sets); i++ {
		switch c := sets[i]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			start = true
		case start && isLetter(c):
			name, _, _ := strings.Cut(sets[i:], "=")
			if !slices.Contains(columns, strings.TrimSpace(name)) {
				return false
			}
			start = false
		}
	}
	return true
}

// placeholders are the columns that a statement gives a value of its own by a ?, with the number of the ?: of an insert's first row, of a condition `column = ?`.
func placeholders(q, operation string) map[string]int {
	found := map[string]int{}
	if operation == "insert" {
		_, rest, _ := strings.Cut(q, "(")
		columns, rest, _ := strings.Cut(rest, ")")
		_, values, ok := strings.Cut(rest, "VALUES")
		if !ok {
			return found
		}
		_, values, _ = strings.Cut(values, "(")
		n := 0
		for i, column := range strings.Split(columns, ",") {
			value, more, _ := strings.Cut(values, ",")
			values = more
			if strings.TrimRight(strings.TrimSpace(value), ") ") == "?" {
				found[strings.TrimSpace(column)] = n
			}
			if n += strings.Count(value, "?"); i > 64 {
				break
			}
		}
		return found
	}
	before, where, ok := strings.Cut(q, "WHERE")
	if !ok {
		return found
	}
	n := strings.Count(before, "?")
	for {
		condition, rest, more := strings.Cut(where, "?")
		if !more {
			return found
		}
		if name, ok := strings.CutSuffix(strings.TrimRight(condition, " "), "="); ok {
			name = strings.TrimRight(name, " ")
			i := len(name)
			for i > 0 && isLetter(name[i-1]) {
				i--
			}
			if _, twice := found[name[i:]]; !twice {
				found[name[i:]] = n
			}
		}
		where = rest
		n++
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c == '_' || c >= '0' && c <= '9' }

func text(v any) string {
	s := ""
	switch v := v.(type) {
	case string:
		s = v
	case int, int64, bool:
		s = fmt.Sprint(v)
	}
	if len(s) > longKey {
		s = s[:longKey]
	}
	return strings.ToValidUTF8(s, "?")
}

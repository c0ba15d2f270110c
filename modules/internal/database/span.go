package database

import (
	"context"
	"strings"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/trace"
)

// span tells the trace of the request, if there is one, of a query. What is told of it is its first word and its table, never a value.
func (db *DB) span(ctx context.Context, q string) (ended func(error)) {
	if !reqctx.Traced(ctx) {
		return func(error) {}
	}
	system := "sqlite"
	if db.postgres {
		system = "postgresql"
	}
	does, table := summary(q)
	return reqctx.Span(ctx, strings.TrimSpace("database "+does+" "+table), trace.Text("db.system.name", system), trace.Text("db.operation.name", does), trace.Text("db.collection.name", table))
}

// summary reads what a query of ours does, and to which table: the word after FROM, INTO or UPDATE. "" is not known.
func summary(q string) (does, table string) {
	words := strings.Fields(q)
	if len(words) == 0 {
		return "", ""
	}
	does = strings.ToUpper(words[0])
	for i, w := range words[:len(words)-1] {
		switch strings.ToUpper(w) {
		case "FROM", "INTO", "UPDATE":
			name, _, _ := strings.Cut(strings.ToLower(words[i+1]), "(")
			if name = strings.Trim(name, ",;)"); name != "" && name != "set" {
				return does, name
			}
		}
	}
	return does, ""
}

package host

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/link"
)

// Database is the gateway's database, as the app gateway resolves it.
func (p *Place) Database() (c database.Config, err error) {
	data, _, err := p.Folders()
	if err != nil {
		return c, err
	}
	raw, err := p.Adapted()
	if err != nil {
		return c, err
	}
	var app struct {
		Apps struct {
			Gateway struct {
				Database    string    `json:"database"`
				DatabaseTLS *link.TLS `json:"database_tls"`
			} `json:"gateway"`
		} `json:"apps"`
	}
	if raw != nil && p.Data == "" {
		if err := json.Unmarshal(raw, &app); err != nil {
			return c, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	name, err := caddy.NewReplacer().ReplaceOrErr(app.Apps.Gateway.Database, true, true)
	if err != nil {
		return c, err
	}
	if name, err = DatabaseName(strings.TrimSpace(name), app.Apps.Gateway.DatabaseTLS); err != nil {
		return c, err
	}
	return database.Parse(name, data)
}

package waf

import (
	"errors"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// abuseTable is where attackers are known, nil without the app gateway.
func abuseTable(ctx caddy.Context) (*abuse.Table, error) {
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return g.Abuse, nil
}

// attacked notes who sent what was blocked.
func (h *Handler) attacked(rc *reqctx.Request) {
	user := ""
	if rc.Identity != nil {
		user = rc.Identity.Subject
	}
	h.abuse.NoteClient(rc.Client, user, abuse.Attack)
}

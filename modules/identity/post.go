package identity

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/expiry"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/link"
)

// postOffice is the postman of one configuration, from Start to Stop. A nil one does nothing.
type postOffice struct {
	postman *mail.Postman

	mu      sync.Mutex
	release func() // of the ground; nil while it does not run
}

func (p *postOffice) start(g *ground.Ground) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release = g.Hold()
	p.postman.Start(context.Background()) // ends with stop
}

// stop may be called more than once, also where start never was.
func (p *postOffice) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.release == nil {
		return
	}
	p.postman.Close()
	p.release()
	p.release = nil
}

// accountStore opens the accounts with the configured policy for passwords.
func (a *App) accountStore(hasher *account.Hasher, log *zap.Logger) (*account.Store, error) {
	policy, err := a.Passwords.policy(a.Label)
	if err != nil {
		return nil, err
	}
	if policy.Breached, err = a.Passwords.breached(log); err != nil {
		return nil, err
	}
	return account.NewStore(a.ground.DB, a.ground.Keys, hasher).With(policy), nil
}

// openDesk makes what serves accounts beside their sessions, and the postman where mail is configured.
func (a *App) openDesk(accounts *account.Store, log *zap.Logger) error {
	g := a.ground
	a.people = &lifecycle.Desk{Config: a.desk(), Resources: lifecycle.Resources{DB: g.DB, Keys: g.Keys, Store: g.Store, Accounts: accounts, Factors: factor.NewStore(g.DB, g.Keys), Events: g.Events, Now: time.Now}}
	if a.Mail == nil {
		return nil
	}
	c, err := a.Mail.config(a.Label)
	if err != nil {
		return err
	}
	if c.Exposed() {
		log.Warn("mail: tls is off for a server on another machine: whoever listens on the way can use the links in mails")
	}
	client, err := mail.NewClient(c)
	if err != nil {
		return err
	}
	if err := g.Expiry.Link(expiry.Mail, "", link.TLS{CA: c.CA}); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	texts, err := mail.NewTexts(c)
	if err != nil {
		return err
	}
	a.people.Box = &mail.Box{DB: g.DB, Keys: g.Keys}
	a.post = &postOffice{postman: mail.NewPostman(mail.Postman{
		Box: a.people.Box, Client: client, Texts: texts, Ready: a.people.Ready, Log: log, Now: time.Now,
	})}
	a.people.Wake = a.post.postman.Wake
	return nil
}

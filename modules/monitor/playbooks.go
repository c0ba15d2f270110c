package monitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/playbook"
)

// playbooks reads those that are built in, and those of the configuration's folder.
func (i *Incidents) playbooks() (*playbook.Set, error) {
	folders := []fs.FS{playbook.BuiltIn()}
	if i != nil && i.Playbooks != "" {
		path, err := filepath.Abs(i.Playbooks)
		if err != nil {
			return nil, fmt.Errorf("incidents: playbooks: %w", err)
		}
		folders = append(folders, os.DirFS(path))
	}
	s, err := playbook.Load(folders...)
	if err != nil {
		return nil, fmt.Errorf("incidents: playbooks: %w", err)
	}
	return s, nil
}

// playbooksFor are those for an incident.
func (w *work) playbooksFor(i *incident.Whole) []*playbook.Playbook {
	m := playbook.Matter{Techniques: i.Techniques, Source: i.Source}
	for _, r := range i.Rules {
		m.Rules = append(m.Rules, r.ID)
	}
	for _, s := range i.Steps {
		m.Ticked = append(m.Ticked, s.Playbook)
	}
	return w.playbooks.For(m)
}

// stands is what stands for the placeholders of a playbook's commands.
func stands(i *incident.Incident) map[string]string {
	of := map[string]string{"incident": i.ID}
	for _, s := range i.Subjects {
		if _, known := of[s.Kind]; !known && (s.Kind == finding.Client || s.Kind == finding.User || s.Kind == finding.Session) {
			of[s.Kind] = s.ID
		}
	}
	return of
}

// people are whom incidents are assigned to: the app identity.
type people interface {
	Describe(ctx context.Context, name string, secondFactor bool) (*reqctx.Identity, error)
	DescribeID(ctx context.Context, id string, secondFactor bool) (*reqctx.Identity, error)
}

// openPeople is nil where there are no accounts.
func openPeople(ctx caddy.Context) (people, error) {
	p, err := host.App[people](ctx, "gw_identity")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	return p, err
}

// who is the id of somebody that is written as a user name or an id.
func (w *work) who(ctx context.Context, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if w.people == nil {
		return text, incident.CheckWho(text)
	}
	if id, err := w.people.Describe(ctx, text, false); err == nil {
		return id.Subject, nil
	}
	if _, err := w.people.DescribeID(ctx, text, false); err != nil {
		return "", fmt.Errorf("%w: nobody here has this user name", incident.ErrMalformed)
	}
	return text, nil
}

// names tells people what ids are called. What has no account, such as the operator of the machine, is called what it is.
type names struct {
	people people
	known  map[string]string
}

func (w *work) names() *names { return &names{w.people, map[string]string{}} }

func (n *names) of(ctx context.Context, id string) string {
	if n.people == nil || id == "" {
		return id
	}
	name, ok := n.known[id]
	if !ok {
		name = id
		if p, err := n.people.DescribeID(ctx, id, false); err == nil && p.Name != "" {
			name = p.Name
		}
		n.known[id] = name
	}
	return name
}

// in is of for one request.
func (n *names) in(ctx context.Context) func(id string) string {
	return func(id string) string { return n.of(ctx, id) }
}

package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/ban/banfile"
	"github.com/convosphere/gateway/modules/internal/host"
)

const (
	mostBanBody    = 64 << 10
	mostImportBody = 256 << 20
	banTime        = 10 * time.Second // of one request
	importTime     = 5 * time.Minute
)

// bansJSON is a page of bans.
type bansJSON struct {
	Bans  []banfile.Ban `json:"bans"`
	Next  string        `json:"next,omitempty"` // `after` of the next page
	Stale bool          `json:"stale"`          // this gateway can't see changes: it goes on with the bans that it knew
}

// banAddJSON is what a POST adds.
type banAddJSON struct {
	Prefix  string     `json:"prefix"` // or an address
	Reason  string     `json:"reason,omitempty"`
	Expires *time.Time `json:"expires,omitempty"` // RFC 3339; none: never
	Force   bool       `json:"force,omitempty"`   // also what would ban too much
}

// banImportJSON is a list that takes its place among the bans.
type banImportJSON struct {
	Source  string        `json:"source"` // import:NAME
	Bans    []banfile.Ban `json:"bans"`
	Replace bool          `json:"replace,omitempty"`
	Force   bool          `json:"force,omitempty"`
}

// banImportedJSON is what became of it.
type banImportedJSON struct {
	Added   int      `json:"added"`
	Kept    int      `json:"kept"`
	Skipped int      `json:"skipped"`
	Why     []string `json:"why,omitempty"`
}

// banCheckJSON is how an address stands.
type banCheckJSON struct {
	Banned bool         `json:"banned"`
	Ban    *banfile.Ban `json:"ban,omitempty"`
	Exempt bool         `json:"exempt"` // on the allowlist, a trusted proxy, or the gateway's own machine
	Times  int          `json:"times"`  // how often it was banned lately
	Stale  bool         `json:"stale"`
}

// serveBans lists: ?source=&after=&limit=
func (a *App) serveBans(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), banTime)
	defer cancel()
	v, limit := r.URL.Query(), ban.MaxPage
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > ban.MaxPage {
			return host.BadRequest(fmt.Errorf("limit: write a number from 1 to %d", ban.MaxPage))
		}
		limit = n
	}
	bans, err := a.ground.Bans.List(ctx, v.Get("source"), v.Get("after"), limit)
	if err != nil {
		return banError(err)
	}
	out := bansJSON{Bans: make([]banfile.Ban, len(bans)), Stale: a.ground.Bans.Stale()}
	for i, b := range bans {
		out.Bans[i] = banfile.FromBan(b)
	}
	if len(bans) == limit {
		out.Next = bans[limit-1].Prefix.String()
	}
	return host.AnswerJSON(w, out)
}

// serveBanCheck tells how an address stands here: ?address=
func (a *App) serveBanCheck(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), banTime)
	defer cancel()
	ip, err := netip.ParseAddr(r.URL.Query().Get("address"))
	if err != nil || ip.Zone() != "" {
		return host.BadRequest(errors.New("address: write an address, as 192.0.2.7"))
	}
	bans := a.ground.Bans
	out := banCheckJSON{Exempt: bans.Exempt(ip), Stale: bans.Stale()}
	if b, banned := bans.Banned(ip); banned {
		j := banfile.FromBan(b)
		out.Banned, out.Ban = true, &j
	}
	if out.Times, err = bans.History(ctx, ban.Of(ip)); err != nil {
		return banError(err)
	}
	return host.AnswerJSON(w, out)
}

// serveBanAdd adds one.
func (a *App) serveBanAdd(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), banTime)
	defer cancel()
	var in banAddJSON
	if err := readJSON(w, r, mostBanBody, &in); err != nil {
		return err
	}
	b, err := banfile.Ban{Prefix: in.Prefix, Reason: in.Reason, Expires: in.Expires, Source: ban.Operator}.Ban()
	if err != nil {
		return banError(err)
	}
	if in.Force {
		err = a.ground.Bans.Force(ctx, b)
	} else {
		err = a.ground.Bans.Add(ctx, b)
	}
	if err != nil {
		return banError(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// serveBanRemoval lifts one, or all of a source: ?prefix= or ?source=
func (a *App) serveBanRemoval(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), importTime)
	defer cancel()
	v := r.URL.Query()
	if source := v.Get("source"); source != "" && v.Get("prefix") == "" {
		n, err := a.ground.Bans.Clear(ctx, source)
		if err != nil {
			return banError(err)
		}
		return host.AnswerJSON(w, map[string]int64{"removed": n})
	}
	p, err := ban.Parse(v.Get("prefix"))
	if err == nil {
		err = a.ground.Bans.Remove(ctx, p)
	}
	if err != nil {
		return banError(err)
	}
	return host.AnswerJSON(w, map[string]int64{"removed": 1})
}

// serveBanImport takes a list, all or nothing.
func (a *App) serveBanImport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), importTime)
	defer cancel()
	var in banImportJSON
	if err := readJSON(w, r, mostImportBody, &in); err != nil {
		return err
	}
	im := ban.Import{Source: in.Source, Replace: in.Replace, Force: in.Force, Bans: make([]ban.Ban, len(in.Bans))}
	for i, j := range in.Bans {
		b, err := j.Ban()
		if err != nil {
			return host.BadRequest(fmt.Errorf("ban %d: %w", i+1, err))
		}
		im.Bans[i] = b
	}
	out, err := a.ground.Bans.Import(ctx, im)
	if err != nil {
		return banError(err)
	}
	return host.AnswerJSON(w, banImportedJSON(out))
}

// banError is the answer to what the list says.
func banError(err error) error {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, ban.ErrMalformed):
		status = http.StatusBadRequest
	case errors.Is(err, ban.ErrNone):
		status = http.StatusNotFound
	case errors.Is(err, ban.ErrExempt), errors.Is(err, ban.ErrBroad):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, ban.ErrFull):
		status = http.StatusConflict
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

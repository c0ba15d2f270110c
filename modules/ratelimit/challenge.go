package ratelimit

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/cookie"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	// What a solved puzzle is worth, for programs; browsers have reqctx.ClearanceCookie.
	clearanceHeader = "Gateway-Clearance"
	// The answer to a puzzle, with the request that it was set for.
	answerHeader = "Gateway-Challenge-Response"
	// Who has waited in place of computing is let be for a shorter time: waiting costs a program nothing but the time.
	waitedShare = 3
	maxTokens   = 4 // of one request, that are looked at
)

// gatekeeper sets challenges to whom abuse control suspects.
type gatekeeper struct {
	*Challenge
	desk   *challenge.Desk
	abuse  *abuse.Table
	events interface{ Emit(*event.Event) }
}

// visit is one request that a gatekeeper looks at.
type visit struct {
	w    http.ResponseWriter
	r    *http.Request
	rc   *reqctx.Request
	addr netip.Addr
	who  challenge.Client // whom challenges are bound to
	has  bool             // one to solve
}

// clearance is what a client shows that was challenged.
type clearance struct {
	tokens []string
	answer string // to a puzzle
}

// suspects tells whether the request is one that behind looks at.
func (h *Handler) suspects(a *asked) bool {
	g := h.gatekeeper
	return g != nil && (challenge.Ours(a.r.URL.Path) || !a.rc.Cleared && h.challenged(a.rc, a.level))
}

// behind answers for the paths of challenges, and in place of next where the client has a challenge to solve first. It comes after the zones were
// charged, so that a flood is refused by them and costs no more than that, and what it answers settles them as any answer does.
func (h *Handler) behind(shown clearance, addr netip.Addr, has bool, next caddyhttp.Handler) caddyhttp.Handler {
	g := h.gatekeeper
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		v := visit{w, r, reqctx.From(r.Context()), addr, challenge.Client{Address: reqctx.Client{IP: addr}.Key(), UserAgent: r.UserAgent()}, has}
		switch {
		case challenge.Ours(r.URL.Path):
			g.serve(v)
			return nil
		case slices.ContainsFunc(shown.tokens, func(t string) bool { return g.desk.Cleared(challenge.Requests, v.who, t) }):
			challengesTotal.WithLabelValues("cleared").Inc()
		case shown.answer != "" && g.accept(v, shown.answer) == nil:
			g.clear(v, time.Duration(g.Clearance))
		default:
			g.ask(v)
			return nil
		}
		v.rc.Cleared = true
		return next.ServeHTTP(w, r)
	})
}

// puzzle is set by the score.
func (g *gatekeeper) puzzle(v visit) challenge.Puzzle {
	challengesTotal.WithLabelValues("set").Inc()
	return g.desk.Puzzle(challenge.Requests, v.who, g.Work+g.abuse.Harder(v.addr))
}

// ask sets a puzzle: as a page that solves it, where a person waits for one, else as a problem.
func (g *gatekeeper) ask(v visit) {
	puzzle := g.puzzle(v)
	v.w.Header().Add("Vary", "Accept, Sec-Fetch-Mode, Accept-Language")
	if !navigates(v.r) {
		puzzle.Header, puzzle.URL = answerHeader, challenge.Path
		problem.Write(v.w, v.r, problem.Problem{
			Status: http.StatusForbidden, Type: challenge.Required, Title: "Solve the challenge first", Extra: map[string]any{"challenge": puzzle},
		})
		return
	}
	wait := time.Duration(g.Wait)
	p := challenge.Page{Puzzle: puzzle, Token: g.desk.Wait(challenge.Requests, v.who, wait), Wait: wait}
	if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
		p.Next = challenge.Local(v.r.URL.RequestURI())
	} else {
		p.Lost, p.Next = true, challenge.Local(sameSite(v.r))
	}
	p.Write(v.w, v.r)
}

// navigates tells a browser that is to show the answer to a person.
func navigates(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	known := mode == "navigate" || mode == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	return known && r.Header.Get("Upgrade") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// sameSite is the page of this site that the request came from, "" where there is none.
func sameSite(r *http.Request) string {
	_, rest, ok := strings.Cut(r.Header.Get("Referer"), "://"+r.Host)
	if !ok {
		return ""
	}
	return rest
}

// accept takes an answer, or says what is wrong with it.
func (g *gatekeeper) accept(v visit, answer string) error {
	err := g.desk.Solved(v.r.Context(), challenge.Requests, v.who, answer)
	challengesTotal.WithLabelValues(outcomeOf(err)).Inc()
	switch {
	case err == nil:
		g.abuse.Solved(v.addr)
		g.events.Emit(&event.Event{
			Category: "intrusion_detection", Action: "challenge-solved", Outcome: event.Success, Reason: "a client that misbehaved is let be for a while",
			RequestID: v.rc.ID, UserAgent: v.r.UserAgent(), SourceIP: v.addr.String(),
		})
	case errors.Is(err, challenge.ErrWrong):
		// No browser gives such an answer. Others may be honest: a phone that changed its network has a puzzle of another client.
		g.abuse.Note(v.addr, abuse.Challenge)
	}
	return err
}

// clear gives out a clearance.
func (g *gatekeeper) clear(v visit, life time.Duration) (token string) {
	token = g.desk.Clear(challenge.Requests, v.who, life)
	http.SetCookie(v.w, &http.Cookie{
		Name: reqctx.ClearanceCookie, Value: token, Path: "/", MaxAge: int(life.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	if !fromBrowser(v.r) {
		v.w.Header().Set(clearanceHeader, token)
	}
	return token
}

// fromBrowser tells whether a script of a page may read the answer: then the clearance is in the cookie alone.
func fromBrowser(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Site") != "" }

// takeClearance reads clearances and the answer to a puzzle, and removes them: they are no back end's business.
func takeClearance(h http.Header) (c clearance) {
	if v := h[clearanceHeader]; v != nil {
		c.tokens = append(c.tokens, v[0])
		delete(h, clearanceHeader)
	}
	if v := h[answerHeader]; v != nil {
		c.answer = v[0]
		delete(h, answerHeader)
	}
	if slices.ContainsFunc(h["Cookie"], func(line string) bool { return strings.Contains(line, reqctx.ClearanceCookie) }) {
		cookie.Take(h, func(name, value string) bool {
			mine := name == reqctx.ClearanceCookie
			if mine && len(c.tokens) < maxTokens {
				c.tokens = append(c.tokens, value)
			}
			return mine
		})
	}
	return c
}

package ratelimit

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// maxAnswer is far more than any answer needs.
const maxAnswer = 4 << 10

// reply is what is sent to challenge.Path.
type reply struct {
	answer string // of a puzzle
	wait   string // the token of a wait
	next   string // where the browser goes then
	form   bool   // a browser without script sent it
}

// serve answers for the paths of challenges: the page's scripts, and answers.
func (g *gatekeeper) serve(v visit) {
	switch method := v.r.Method; {
	case v.r.URL.Path != challenge.Path:
		if !challenge.ServeScript(v.w, v.r) {
			problem.Write(v.w, v.r, problem.Problem{Status: http.StatusNotFound})
		}
	case method == http.MethodPost:
		in, status := readReply(v.r)
		if status != 0 {
			problem.Write(v.w, v.r, problem.Problem{Status: status})
			return
		}
		g.answered(v, in)
	case method != http.MethodGet && method != http.MethodHead:
		v.w.Header().Set("Allow", "GET, HEAD, POST")
		problem.Write(v.w, v.r, problem.Problem{Status: http.StatusMethodNotAllowed})
	case v.has:
		g.ask(v)
	default: // a page that was left open, say
		forward(v.w, "/")
	}
}

func forward(w http.ResponseWriter, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// answered takes what was sent, and gives a clearance for it or asks again.
func (g *gatekeeper) answered(v visit, in reply) {
	life := time.Duration(g.Clearance)
	if in.wait != "" {
		life /= waitedShare
		if !g.waited(v, in) {
			return
		}
	} else if err := g.accept(v, in.answer); err != nil {
		problem.Write(v.w, v.r, problem.Problem{
			Status: http.StatusForbidden, Type: "challenge-failed", Title: "The answer solves no challenge that was set to this client and still holds",
		})
		return
	}
	token := g.clear(v, life)
	if in.form {
		forward(v.w, challenge.Local(in.next))
		return
	}
	out := map[string]any{"expires_in": int(life.Seconds())}
	if !fromBrowser(v.r) {
		out["clearance"] = token
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(v.w).Encode(out) // the client has gone: nobody is left to tell
}

// waited tells whether a wait is over, and answers where it is not.
func (g *gatekeeper) waited(v visit, in reply) bool {
	left, err := g.desk.Waited(v.r.Context(), challenge.Requests, v.who, in.wait)
	challengesTotal.WithLabelValues(waitOutcome(err)).Inc()
	switch {
	case err == nil:
		return true
	case errors.Is(err, challenge.ErrEarly): // the wait goes on: it does not begin anew
		challenge.Page{Puzzle: g.puzzle(v), Token: in.wait, Wait: left, Early: true, Next: challenge.Local(in.next)}.Write(v.w, v.r)
	default:
		g.ask(v)
	}
	return false
}

// readReply reads a form or JSON; status is what is wrong with it.
func readReply(r *http.Request) (in reply, status int) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	switch {
	case err != nil:
		return in, http.StatusBadRequest
	case len(body) > maxAnswer:
		return in, http.StatusRequestEntityTooLarge
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return in, http.StatusUnsupportedMediaType
	}
	return parseReply(kind, body)
}

func parseReply(kind string, body []byte) (in reply, status int) {
	switch kind {
	case "application/x-www-form-urlencoded":
		q, err := url.ParseQuery(string(body))
		if err != nil {
			return in, http.StatusBadRequest
		}
		in = reply{answer: q.Get("answer"), wait: q.Get("wait"), next: q.Get("next"), form: true}
	case "application/json":
		v, err := strictjson.ParseAtMost(body, 8)
		if err != nil || v.Kind != strictjson.Object {
			return in, http.StatusBadRequest
		}
		for _, m := range v.Members {
			if m.Name == "answer" && m.Value.Kind == strictjson.String {
				in.answer = m.Value.Text
			}
		}
	default:
		return in, http.StatusUnsupportedMediaType
	}
	if (in.answer == "") == (in.wait == "") {
		return in, http.StatusUnprocessableEntity
	}
	return in, 0
}

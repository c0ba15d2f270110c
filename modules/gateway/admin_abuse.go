package gateway

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/host"
)

// mostStatus is how many scores an answer holds at most.
const (
	defaultStatus = 20
	mostStatus    = 10_000
	mostUserID    = 256 // bytes
)

// abuseJSON is a score as the admin API has it.
type abuseJSON struct {
	Client string     `json:"client,omitempty"` // a prefix
	User   string     `json:"user,omitempty"`   // an account's id
	Level  string     `json:"level"`
	Score  float64    `json:"score"`            // for each head
	Points float64    `json:"points"`           // of all together
	People int        `json:"people,omitempty"` // signed in at the address, in good standing
	Exempt bool       `json:"exempt,omitempty"` // nothing is counted
	Banned bool       `json:"banned,omitempty"`
	Until  *time.Time `json:"banned_until,omitempty"`
}

func (a *App) abuseJSON(s abuse.Status) abuseJSON {
	round := func(f float64) float64 { return math.Round(f*10) / 10 }
	out := abuseJSON{User: s.User, Level: s.Level.String(), Score: round(s.Score), Points: round(s.Points), People: s.People}
	if !s.Client.IsValid() {
		return out
	}
	out.Client = s.Client.String()
	if out.Exempt = a.ground.Bans.Exempt(s.Client.Addr()); out.Exempt {
		out.Level = abuse.None.String()
	}
	if b, banned := a.ground.Bans.Banned(s.Client.Addr()); banned {
		out.Banned, out.Level = true, abuse.Banned.String()
		if !b.Expires.IsZero() {
			until := b.Expires.UTC()
			out.Until = &until
		}
	}
	return out
}

var errAbuseOff = errors.New("nothing is counted: the configuration says `abuse off`")

// serveAbuse answers with the highest scores, or with those of ?client and ?user.
func (a *App) serveAbuse(w http.ResponseWriter, r *http.Request) error {
	if a.ground.Abuse == nil {
		return host.BadRequest(errAbuseOff)
	}
	q := r.URL.Query()
	var found []abuse.Status
	for _, text := range q["client"] {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return host.BadRequest(errors.New("client: it is an address"))
		}
		found = append(found, a.ground.Abuse.Client(ip))
	}
	for _, id := range q["user"] {
		found = append(found, a.ground.Abuse.User(id))
	}
	if found == nil {
		n := defaultStatus
		if text := q.Get("limit"); text != "" {
			var err error
			if n, err = strconv.Atoi(text); err != nil || n < 1 || n > mostStatus {
				return host.BadRequest(errors.New("limit: it is from 1 to " + strconv.Itoa(mostStatus)))
			}
		}
		found = a.ground.Abuse.Status(n)
	}
	out := make([]abuseJSON, len(found))
	for i, s := range found {
		out[i] = a.abuseJSON(s)
	}
	return host.AnswerJSON(w, map[string]any{"scores": out})
}

// serveAbuseRemoval takes all points from a client or a person.
func (a *App) serveAbuseRemoval(w http.ResponseWriter, r *http.Request) error {
	if a.ground.Abuse == nil {
		return host.BadRequest(errAbuseOff)
	}
	switch q := r.URL.Query(); {
	case q.Has("client") && !q.Has("user"):
		ip, err := netip.ParseAddr(q.Get("client"))
		if err != nil {
			return host.BadRequest(errors.New("client: it is an address"))
		}
		a.forgive(ip, "")
	case q.Get("user") != "" && !q.Has("client"):
		if len(q.Get("user")) > mostUserID {
			return host.BadRequest(errors.New("user: it is an account's id"))
		}
		a.forgive(netip.Addr{}, q.Get("user"))
	default:
		return host.BadRequest(errors.New("name a client or a user"))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

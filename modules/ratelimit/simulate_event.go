package ratelimit

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// told is what of a request's event matters to limits.
type told struct {
	Time     time.Time     `json:"@timestamp"`
	Action   string        `json:"event.action"`
	Duration time.Duration `json:"event.duration"` // nanoseconds
	Method   string        `json:"http.request.method"`
	Host     string        `json:"url.domain"`
	Path     string        `json:"url.path"`
	Status   int           `json:"http.response.status_code"`
	BytesIn  int64         `json:"http.request.body.bytes"`
	IP       string        `json:"source.ip"`
	User     string        `json:"user.id"`
	Roles    []string      `json:"user.roles"`
	Session  string        `json:"gateway.session"`
	Tier     string        `json:"gateway.decision.tier"`
	Zone     string        `json:"gateway.zone"`
	Problem  string        `json:"gateway.problem"`

	line int // of those that were read
}

// came is when the request came.
func (e *told) came() time.Time { return e.Time.Add(-max(0, e.Duration)) }

// limited tells whether a limit refused the request when it came. A socket that a limit closed later was let in.
func (e *told) limited() bool { return e.Status == http.StatusTooManyRequests && e.Zone != "" }

// asked is the request as zones look at it, nil where the event does not tell.
func (e *told) asked() *asked {
	ip, err := netip.ParseAddr(e.IP)
	if err != nil || e.Method == "" || e.Path == "" {
		return nil
	}
	path, err := url.PathUnescape(e.Path)
	if err != nil {
		path = e.Path // cut in the middle of an escape
	}
	method := e.Method
	if e.Action == "websocket" {
		method = http.MethodGet // an extended CONNECT stands for it
	}
	ip = ip.Unmap().WithZone("")
	rc := &reqctx.Request{Client: reqctx.Client{IP: ip}}
	if e.User != "" {
		rc.Identity = &reqctx.Identity{Subject: e.User, Roles: e.Roles, Session: e.Session, Kind: reqctx.KindPerson}
	}
	r := &http.Request{Method: method, Host: e.Host, URL: &url.URL{Path: path}, Header: http.Header{}, RemoteAddr: netip.AddrPortFrom(ip, 0).String(), Body: http.NoBody}
	return &asked{r: r, rc: rc, addr: ip, path: clean(path), size: e.BytesIn}
}

// Package reqctx holds what handlers learn of one request and tell each other: typed values, never strings in placeholders.
//
// The outermost handler of ours creates the Request (Ensure); the ones further in fill their part. Each field
// has one writer, named beside it, which writes before it calls the next handler (or, for what the response
// tells, before its own ServeHTTP returns); so the fields need no lock. Code that runs beside the
// request (socket hooks) reads only.
package reqctx

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/trace"
)

// Request is what is known of one request or socket.
type Request struct {
	ID         string    // gw_audit, or whoever stands outermost: unique, 26 characters, sortable by nothing
	Start      time.Time // when Ensure made it
	Client     Client    // gw_client
	Banned     bool      // gw_client: turned away for a ban, whose events tell of it: the request has none of its own
	Identity   *Identity // gw_authenticate; nil is anonymous
	LoginURL   string    // gw_authenticate: where a browser page without identity is sent; "" sends nobody
	Limited    string    // gw_rate_limit: the zone that refused, and has the longest wait; "" none
	LimitedKey string    // gw_rate_limit: what that zone counts by, in the words of the configuration
	LimitedBy  []string  // gw_rate_limit: all zones that refused
	Shadowed   []string  // gw_rate_limit: zones that would have refused if they were not in shadow mode
	Cleared    bool      // gw_rate_limit: the client was challenged, and has solved or waited
	Verdict    *Verdict  // gw_waf
	Inspected  bool      // gw_waf: one of its handlers has decided, the ones further in pass the request on
	Invalid    []Invalid // gw_validate: what was not as it must be, at most 8
	Decision   *Decision // gw_authorize, or gw_portal for its own routes
	Class      string    // gw_authorize: the strictest class of the route and of its fields; "" none is said
	Route      string    // gw_authorize, gw_portal: the matched route template, bounded in number; "" unknown
	Resource   Resource  // gw_authorize: what the route says the request is about
	Refused    string    // gw_client: what it had against the form of the request; "" nothing
	Problem    string    // internal/problem: the type of the problem answered, "" none
	By         string    // internal/problem: the part that answered it (cost.Part), "" that is not known
	Activity   *Activity // gw_audit: who is told of what passes on a socket while it is open; nil nobody
	Join       Joining   // gw_audit: where an open socket is noted, to be told when it must go; nil nowhere
	Socket     *Socket   // internal/wsframe: what passed, once a socket is open; nil for plain requests

	Trace *trace.Request // gw_audit; nil where requests are not traced

	Cost cost.Clock // of the handlers, each of which says when it begins and ends
}

// ClearanceCookie is what a browser keeps that has solved a challenge of gw_rate_limit, which takes it out of requests. gw_authenticate takes out all
// other cookies of the gateway.
const ClearanceCookie = "__Host-gw_clearance"

// Client is who is calling, as far as the connection tells.
type Client struct {
	IP      netip.Addr // unmapped, without zone; zero if unknown
	Proxy   netip.Addr // the direct peer, where it is a trusted proxy and so differs from IP
	Country string     // ISO 3166 code of IP, upper case; "" unknown, or no country file is configured
	Risk    int        // gw_client, and gw_authenticate for who is signed in: 0 to 100, how unusual they behave, in steps of 10
	Led     bool       // a browser says that another site's page had it send this; who writes programs can say so too
}

// Key groups addresses that one caller can choose freely: an IPv6 address becomes its /64.
func (c Client) Key() string {
	if c.IP.Is6() {
		if p, err := c.IP.Prefix(64); err == nil {
			return p.String()
		}
	}
	return c.IP.String()
}

// Identity is a verified subject. It is never changed once set: handlers share it.
type Identity struct {
	Subject  string    // opaque account id (`sub`)
	Name     string    // user name: unique, lower case, never changed
	Roles    []string  // at least one
	Session  string    // session id (`sid`)
	TokenID  string    // `jti`
	Kind     string    // KindPerson, KindService or KindForeign
	Issuer   string    // of a foreign identity's token, or of the authority of its certificate; "" is this gateway
	Scopes   []string  // what the token is limited to; nil: everything that the roles give
	Methods  []string  // how they authenticated (`amr`, RFC 8176): pwd, otp, hwk, swk, user, mfa …
	ACR      string    // how sure that is (`acr`): ACRSingle or ACRMulti
	Trusted  bool      // they are on a device that they had remembered
	Risk     []string  // what was unusual of the login: new-device, new-country, impossible-travel
	AuthTime time.Time // when they last gave a first factor
	MFATime  time.Time // when they last gave a second factor; zero: never in this session
	Created  time.Time // when the account was made; zero: it is not one of this gateway, or that is not known
	Expires  time.Time // of the token
	Begun    time.Time // when the session began with a login; zero: it has none
	Device   string    // the id of the account's device that the session is on; "" none
	Cookie   bool      // the token came in a cookie, so the browser attached it by itself
}

// Kinds of identities.
const (
	KindPerson  = "person"  // has an account here, and a session
	KindService = "service" // a program with an account here
	KindForeign = "foreign" // vouched for by another issuer, or by a client certificate
)

// What `acr` can be, after the assurance levels of NIST SP 800-63B.
const (
	ACRSingle = "aal1" // one factor
	ACRMulti  = "aal2" // two of them, or a passkey that verified its user
)

// Verdict is what the WAF saw. It holds no text of the request: names are cut, excerpts have their letters and digits replaced.
type Verdict struct {
	Blocked           bool    // the request
	Rules             []int   // ids of the rules that matched, at most 64
	Matches           []Match // the same, with what they matched
	Score             int     // inbound anomaly score, of the rules up to the blocking level
	Detection         int     // inbound anomaly score of all that were run
	Outbound          int     // outbound anomaly score, of the answer, up to the blocking level
	Paranoia          int     // the blocking level
	DetectionParanoia int     // the detection level
	Uninspected       string  // what no rule has seen: "body", or "body-rest", what is over its limit; "" nothing
	Response          string  // what became of the answer: "" passed on, ResponseWithheld, ResponseEnded
}

// Match is one rule that matched.
type Match struct {
	Rule      int
	Message   string   // the rule's own words, at most 128 bytes; nothing is filled in
	Severity  string   // critical, error, warning, notice …; "" the rule has none
	Score     int      // what the rule added to an anomaly score; 0 where it can't be told
	Variables []string // what it matched, as ARGS:json.text; at most 8
	Excerpt   string   // the shape of what it matched, at most 64 bytes: letters are a, digits 9; "" where it may be a secret
}

// What becomes of an answer that must not be sent.
const (
	ResponseWithheld = "withheld" // nothing of it was sent
	ResponseEnded    = "ended"    // it was cut off after its beginning was sent
)

// Invalid is one thing that is not as the service's document, or JSON, must be. It holds nothing of what was sent.
type Invalid struct {
	In     string // path, query, header, cookie, body, message, response
	Place  string // a JSON pointer with * for what the document does not name, or a parameter's name
	Reason string
}

// Decision is what the policy said.
type Decision struct {
	Allow    bool
	Reason   string
	Revision string   // of the policy that said it; "" it was not asked
	Tier     string   // for rate limits, from the next request on
	Mask     []string // members of the answer that must be masked
	Encrypt  []string // members of the body that must be encrypted before the back end gets them
}

// Socket counts what passed on a WebSocket. Set when it has ended.
type Socket struct {
	MessagesIn, MessagesOut int64
	BytesIn, BytesOut       int64
	CloseCode               int    // the code the gateway closed with; 0: an end point closed
	CloseReason             string // why the gateway closed
	Refused                 int64  // messages that a handler refused or dropped
}

// Activity is told of a socket that is open: after each time of that length in which something passed, what has passed since it opened. Tell runs beside
// the request, from one goroutine at a time.
// Opened is called first, in the goroutine of the request.
type Activity struct {
	Every  time.Duration
	Opened func()
	Tell   func(Socket)
}

// Joining notes an open socket until left is called. leave is called, once, where it must go, since the gateway ends.
type Joining func(leave func()) (left func())

// Resource is what a request is about: room, general.
type Resource struct{ Type, ID string }

// Caller is who is calling, as Client.Key has it: what gw_client found out, else the peer of r.
func (rc *Request) Caller(r *http.Request) string {
	if rc.Client.IP.IsValid() {
		return rc.Client.Key()
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr // a unix socket's
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return Client{IP: ip.Unmap().WithZone("")}.Key()
	}
	return host
}

type key struct{}

// From returns the request's values, nil where no handler of ours has made them.
func From(ctx context.Context) *Request {
	r, _ := ctx.Value(key{}).(*Request)
	return r
}

// Ensure returns the request's values, making them (with a new id) on the first call. The returned
// *http.Request carries them and must be the one passed on.
func Ensure(r *http.Request) (*http.Request, *Request) {
	if rc := From(r.Context()); rc != nil {
		return r, rc
	}
	rc := &Request{ID: rand.Text(), Start: time.Now()}
	rc.Cost.Sample(rc.ID)
	return r.WithContext(context.WithValue(r.Context(), key{}, rc)), rc
}

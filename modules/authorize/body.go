package authorize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/kept"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Body says that the policy sees the JSON that is sent (input.body).
type Body struct {
	// The most bytes that it sees. Of a larger body it sees input.truncated, and what it then allows is refused unless the decision says
	// allow_truncated. Default: 64 KiB; at most 1 MiB.
	Max int64 `json:"max,omitempty"`
}

const (
	defaultMaxBody = 64 << 10
	largestBody    = 1 << 20

	// A value of 2 bytes of JSON takes some 500 in memory while it is decided on: bodies of very many values are as good as too large.
	bytesPerValue = 16
	valueMemory   = 512

	defaultBodyMemory = 64 << 20

	bodyTime = 15 * time.Second // that a client has to send the body
	bodyWait = 2 * time.Second  // that a request waits for room
)

// max is the limit in bytes; 0 where the policy sees no body.
func (b *Body) max() (int64, error) {
	switch {
	case b == nil:
		return 0, nil
	case b.Max < 0 || b.Max > largestBody:
		return 0, fmt.Errorf("body: the policy sees from 1 byte to %d", largestBody)
	case b.Max == 0:
		return defaultMaxBody, nil
	}
	return b.Max, nil
}

// maxValues bounds how many values of a body the policy sees.
func maxValues(bytes int64) int { return int(max(bytes/bytesPerValue, 256)) }

// bodies bounds what bodies take of memory while they wait for a decision, all together and for each client.
type bodies struct {
	text   *gate.Gate // weighs bytes: held until the back end has the body
	values *gate.Gate // weighs values: held until the decision is made
}

func newBodies(memory int64) bodies {
	return bodies{gate.New(memory), gate.New(max(memory/valueMemory, 1))}
}

// errBody says what is wrong with a body, and how it is answered.
type errBody struct {
	status int
	why    string
}

func (e *errBody) Error() string { return e.why }

var (
	errBodyLarge = &errBody{http.StatusRequestEntityTooLarge, "the body is larger than may be looked at, and names what is asked for"}
	errBodyType  = &errBody{http.StatusUnsupportedMediaType, "the body is not JSON in UTF-8, plain"}
	errBodyJSON  = &errBody{http.StatusBadRequest, "the body is not JSON that everybody reads alike"}
)

// sent is the body of a request, as far as the policy sees it. The zero value is that of a request without one.
type sent struct {
	doc       *strictjson.Value // nil: there is none, or it was not read
	value     ast.Value         // the same, for the policy
	truncated bool
	seat      *gate.Seat // of the values
}

// member is a variable that the body gives.
func (s *sent) member(name string) (string, error) {
	switch {
	case s.truncated:
		return "", errBodyLarge
	case s.doc == nil:
		return "", errAbsent
	}
	return members(s.doc)(name)
}

// decided gives back the memory that the decision needed. It may be called again.
func (s *sent) decided() {
	s.doc, s.value = nil, nil
	if s.seat != nil {
		s.seat.Leave()
		s.seat = nil
	}
}

// take reads the body of r for the policy and puts in its place one that can be read from the beginning. What is wrong with it is an *errBody,
// a lack of room one of the gate's errors. free must be called when the request has ended.
func (b bodies) take(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, limit int64) (s sent, free func(), err error) {
	free = func() {}
	if limit == 0 || r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return s, free, nil
	}
	if r.ContentLength > limit { // not absent: the policy is told that there is more than it sees
		s.truncated = true
		return s, free, checkType(r.Header)
	}
	weight := r.ContentLength
	if weight < 0 { // chunked, or HTTP/2 without a length
		weight = limit + 1
	}
	caller := rc.Caller(r)
	seat, err := b.text.Enter(r.Context(), caller, weight, bodyWait)
	if err != nil {
		return s, free, err
	}
	free = sync.OnceFunc(seat.Leave)
	text, err := receive(w, r, limit, weight)
	if err != nil {
		return s, free, err
	}
	r.Body = kept.New(text, r.Body, free)
	if len(text) == 0 {
		return s, free, nil
	}
	if err := checkType(r.Header); err != nil {
		return s, free, err
	}
	if s.truncated = int64(len(text)) > limit; s.truncated {
		return s, free, nil
	}
	values, err := b.values.Enter(r.Context(), caller, int64(valuesIn(text)), bodyWait)
	if err != nil {
		return s, free, err
	}
	s.seat = &values
	err = s.parse(text, limit)
	return s, free, err
}

// parse reads the text for the policy.
func (s *sent) parse(text []byte, limit int64) error {
	doc, err := strictjson.ParseAtMost(text, maxValues(limit))
	if errors.Is(err, strictjson.ErrMany) {
		s.truncated = true
		return nil
	}
	if err != nil {
		return errBodyJSON
	}
	value, err := bodyValue(doc)
	if err != nil {
		return errBodyJSON
	}
	s.doc, s.value = doc, value
	return nil
}

// fewValues of a message take no room of their own: a socket's buffers take as much.
const fewValues = 256

// hold takes room for a message of a socket, before it is read: while its decision waits for the database, all that it holds is in memory.
func (b bodies) hold(ctx context.Context, caller string, text []byte) (leave func(), err error) {
	n := valuesIn(text)
	if n <= fewValues {
		return func() {}, nil
	}
	seat, err := b.values.Enter(ctx, caller, int64(n), bodyWait)
	if err != nil {
		return nil, err
	}
	return seat.Leave, nil
}

// show shows the policy a message that was read already, up to the limit. Of one with many values the room is held. done must be called when it
// was decided.
func (b bodies) show(ctx context.Context, in *engine.Input, caller string, v *strictjson.Value, text []byte, limit int64) (done func(), err error) {
	values := valuesIn(text)
	if in.Truncated = int64(len(text)) > limit || values > maxValues(limit); in.Truncated {
		return func() {}, nil
	}
	done = func() {}
	if values <= fewValues {
		seat, err := b.values.Enter(ctx, caller, int64(values), bodyWait)
		if err != nil {
			return nil, err
		}
		done = seat.Leave
	}
	if in.Body, err = bodyValue(v); err != nil {
		done()
		return nil, errBodyJSON
	}
	return done, nil
}

// receive reads at most one byte more than the limit.
func receive(w http.ResponseWriter, r *http.Request, limit, expected int64) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // not every server can; then its own limits hold
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	buf := bytes.NewBuffer(make([]byte, 0, min(expected, 4<<10)+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1))
	if err == nil {
		return buf.Bytes(), nil
	}
	status := http.StatusBadRequest // broken chunks, a body shorter than announced, a client that went away
	var told caddyhttp.HandlerError // by gw_client
	var large *http.MaxBytesError   // by Caddy's request_body
	var timeout net.Error
	switch {
	case errors.As(err, &told) && told.StatusCode >= 400 && told.StatusCode < 500:
		status = told.StatusCode
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		status = http.StatusRequestTimeout
	}
	return nil, &errBody{status, "the body could not be read"}
}

// checkType refuses what a back end may read as something else than the JSON that is decided on. Fail closed: a body that the policy
// can't see must not look to it like none.
func checkType(h http.Header) error {
	if len(h["Content-Type"]) != 1 {
		return errBodyType
	}
	if plainJSON(h["Content-Type"][0], h["Content-Encoding"]) != nil {
		return errBodyType
	}
	return nil
}

// plainJSON tells why a body with these headers is not JSON in UTF-8 as it stands.
func plainJSON(contentType string, encodings []string) error {
	t, params, err := mime.ParseMediaType(contentType) // which tells no case in types
	if err != nil || t != "application/json" && !strings.HasSuffix(t, "+json") {
		return errors.New("it is not JSON")
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
		return errors.New("it is not UTF-8")
	}
	for _, e := range encodings {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			return errors.New("it is encoded")
		}
	}
	return nil
}

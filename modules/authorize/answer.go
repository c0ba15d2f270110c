package authorize

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/authorize/strictjson"
)

// answer stands between the back end and the client on routes whose answers are filtered or change grants. Answers that
// concern neither stream through. The others are held back until they have been worked on, and when that fails, nothing of them,
// no header either, has reached the client.
type answer struct {
	http.ResponseWriter
	header   http.Header // of the back end, kept apart until it is passed on
	treat    func(status int) treatment
	limit    int64
	state    treatment
	status   int
	body     bytes.Buffer
	tooLarge bool
}

// treatment of an answer.
type treatment uint8

const (
	undecided treatment = iota
	pass                // it streams
	hold                // it is kept until complete
	refuse              // it is not what the route says: dropped
)

func newAnswer(w http.ResponseWriter, limit int64, treat func(int) treatment) *answer {
	return &answer{ResponseWriter: w, header: w.Header().Clone(), limit: limit, treat: treat}
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header returns the back end's headers; once the answer streams, those of the connection, for trailers.
func (a *answer) Header() http.Header {
	if a.state == pass {
		return a.ResponseWriter.Header()
	}
	return a.header
}

// WriteHeader takes the status and with it decides what is done.
func (a *answer) WriteHeader(status int) {
	if a.state != undecided {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status) // early hints and the like; the answer follows
		return
	}
	a.status = status
	if a.state = a.treat(status); a.state == pass {
		a.commit()
	}
}

// commit passes status and headers on.
func (a *answer) commit() {
	h := a.ResponseWriter.Header()
	clear(h)
	maps.Copy(h, a.header)
	a.state = pass
	a.ResponseWriter.WriteHeader(a.status)
}

// errTooLarge ends the back end's writing.
var errTooLarge = errors.New("the answer is larger than may be held back")

// Write passes on, or keeps.
func (a *answer) Write(b []byte) (int, error) {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK)
	}
	switch {
	case a.state == pass:
		return a.ResponseWriter.Write(b)
	case a.state == refuse:
		return len(b), nil
	case int64(a.body.Len()+len(b)) > a.limit:
		a.tooLarge = true
		a.body.Reset()
		return 0, errTooLarge
	}
	return a.body.Write(b)
}

// Flush implements http.Flusher.
func (a *answer) Flush() { _ = a.FlushError() } // http.Flusher can't tell

// FlushError passes a flush on where the answer streams. What is held back is not flushed.
func (a *answer) FlushError() error {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK)
	}
	if a.state != pass {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// json reads what was held back.
func (a *answer) json() (*strictjson.Value, error) {
	t, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || t != "application/json" && !strings.HasSuffix(t, "+json") {
		return nil, fmt.Errorf("%w: it is not JSON", errAnswer)
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
		return nil, fmt.Errorf("%w: it is not UTF-8", errAnswer)
	}
	if e := a.header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, fmt.Errorf("%w: it is encoded", errAnswer)
	}
	v, err := strictjson.Parse(a.body.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return v, nil
}

// describesBody are headers that speak of the body as it came.
var describesBody = []string{"Etag", "Last-Modified", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges", "Content-Range"}

// send passes on what was held back, with body in the place of what came. Nil: as it came.
func (a *answer) send(filtered []byte, noBody bool) error {
	for k := range a.header {
		if k == "Trailer" || strings.HasPrefix(k, http.TrailerPrefix) {
			delete(a.header, k) // the body goes out with its length
		}
	}
	body := a.body.Bytes()
	if filtered != nil {
		body = filtered
		a.unlabel()
	}
	switch {
	case noBody: // HEAD: the length of what would be sent is not known
		a.header.Del("Content-Length")
		body = nil
	case a.status == http.StatusNoContent || a.status == http.StatusResetContent:
		body = nil
	default:
		a.header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	a.commit()
	if len(body) == 0 {
		return nil
	}
	_, err := a.ResponseWriter.Write(body)
	return err
}

// unlabel takes away what no longer fits. The answer is one person's now.
func (a *answer) unlabel() {
	for _, k := range describesBody {
		a.header.Del(k)
	}
	if a.header.Get("Cache-Control") == "" {
		a.header.Set("Cache-Control", "private, no-cache")
	}
}

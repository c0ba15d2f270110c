package ratelimit

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// statuses are those of answers that count; none: all do.
type statuses []struct{ from, to int }

// readStatuses reads 401, and 4xx for all that begin with 4.
func readStatuses(words []string) (s statuses, err error) {
	for _, w := range words {
		n, err := 0, error(nil)
		to := 0
		if len(w) == 3 && w[1:] == "xx" {
			n, err = strconv.Atoi(w[:1])
			n, to = n*100, n*100+99
		} else {
			n, err = strconv.Atoi(w)
			to = n
		}
		if err != nil || len(w) != 3 || n < 200 || n > 599 {
			return nil, fmt.Errorf("count status %q: it is a status from 200 to 599, or all of a kind as 4xx", w)
		}
		s = append(s, struct{ from, to int }{n, to})
	}
	return s, nil
}

// has tells whether an answer of this status counts.
func (s statuses) has(status int) bool {
	for _, r := range s {
		if status >= r.from && status <= r.to {
			return true
		}
	}
	return false
}

func countOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
	if len(args) < 2 || args[0] != "status" {
		return d.ArgErr()
	}
	if _, err := readStatuses(args[1:]); err != nil {
		return d.WrapErr(err)
	}
	z.CountStatus = append(z.CountStatus, args[1:]...)
	return nil
}

// watched is an answer whose status is seen. opened is told of a socket, whose handler goes on as long as it is open.
type watched struct {
	*caddyhttp.ResponseWriterWrapper
	status int
	opened func()
}

// WriteHeader implements http.ResponseWriter.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Hijack implements http.Hijacker. Whoever takes the connection opens a socket; the tap writes its 101 itself.
func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
		w.opened()
	}
	return conn, rw, err
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// ended is the status that the client was, or will be, answered with, when the handlers are done: 0 where nobody knows.
func (w *watched) ended(err error, gone bool) int {
	var told caddyhttp.HandlerError
	switch {
	case w.status != 0:
		return w.status
	case errors.As(err, &told) && told.StatusCode != 0:
		return told.StatusCode
	case err != nil:
		return http.StatusInternalServerError
	case gone:
		return 0
	}
	return http.StatusOK // net/http's own answer where nobody wrote one
}

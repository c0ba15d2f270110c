package wsframe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/problem"
)

var errExtension = errors.New("wsframe: the back end accepted an extension that was not offered")

// writer is the response writer whose Hijack hands out the tapped connection.
type writer struct {
	http.ResponseWriter
	tap      *Tap
	r        *http.Request
	switched bool // a 101 was written
	refused  bool // and answered as 502
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for those who ask for an http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() } // http.Flusher can't tell

// FlushError flushes what is under the writer.
func (w *writer) FlushError() error { return http.NewResponseController(w.ResponseWriter).Flush() }

// ReadFrom keeps the fast path of answers that are no sockets.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, r)
}

// WriteHeader lets a 101 pass if the tap can follow the frames after it.
func (w *writer) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.switched || w.refused {
		return
	}
	if extended(w.Header()) {
		w.refused = true
		for _, name := range []string{"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
			deleteFold(w.Header(), name)
		}
		problem.Write(w.ResponseWriter, w.r, problem.Problem{Status: http.StatusBadGateway})
		return
	}
	w.switched = true
	w.ResponseWriter.WriteHeader(status)
}

// Hijack takes the client's connection and hands out the tapped one.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.refused {
		return nil, nil, errExtension
	}
	conn, brw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	s := &stream{c: newConn(w.tap, conn, brw)}
	if w.switched {
		s.opened()
	}
	return s, bufio.NewReadWriter(bufio.NewReaderSize(s, 0), bufio.NewWriterSize(s, 64)), nil
}

// parseHead reads the head of an answer.
func parseHead(head []byte) (*http.Response, error) {
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return nil, err
	}
	return answer, answer.Body.Close()
}

package wsframe

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
)

// writer is the response writer whose Hijack hands out the tapped connection.
type writer struct {
	http.ResponseWriter
	tap      *Tap
	r        *http.Request
	connect  *exchange // the handshake came by extended CONNECT
	answered bool      // with more than an informational status
	switched bool      // a 101 was written
	refused  bool      // and answered as 502
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for those who ask for an http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() } // http.Flusher can't tell

// FlushError flushes what is under the writer.
func (w *writer) FlushError() error { return http.NewResponseController(w.ResponseWriter).Flush() }

// Write writes of an answer that is no socket.
func (w *writer) Write(b []byte) (int, error) {
	if w.connect != nil {
		w.WriteHeader(http.StatusOK) // unless there was one
	}
	if w.refused {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// ReadFrom keeps the fast path of answers that are no sockets.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if w.connect != nil || w.refused {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, r)
}

// WriteHeader lets a 101 pass if the tap can follow the frames after it.
func (w *writer) WriteHeader(status int) {
	if w.switched || w.refused || w.answered && w.connect != nil {
		return
	}
	switched := status == http.StatusSwitchingProtocols
	if switched && extended(w.Header()) || w.connect != nil && w.connect.refuses(status, w.Header()) {
		w.refused = true
		refuse(w.ResponseWriter, w.r)
		return
	}
	w.switched, w.answered = switched, status >= 200 || switched
	w.ResponseWriter.WriteHeader(status)
}

// Hijack takes the client's connection and hands out the tapped one.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.refused {
		return nil, nil, errUnfollowed
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

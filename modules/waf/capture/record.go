// Package capture keeps whole requests for `convosphere waf replay`: sampled, without secrets, encrypted with the gateway's key ring, and
// gone after a time. Writing is off the request's path; what finds no room is dropped and counted.
package capture

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/convosphere/gateway/modules/internal/records"
)

// Record is one request as the rules saw it, and what they said.
type Record struct {
	Time    time.Time   `json:"time"`
	ID      string      `json:"id"`     // http.request.id of its event
	Remote  string      `json:"remote"` // the client's address
	Method  string      `json:"method"`
	URI     string      `json:"uri"` // the request target, as the client escaped it
	Proto   string      `json:"proto"`
	Host    string      `json:"host,omitempty"`
	Headers [][2]string `json:"headers,omitempty"` // name and value; net/http keeps the order of equal names alone
	Length  int64       `json:"length"`            // Content-Length: 0 none, -1 unknown
	Chunked bool        `json:"chunked,omitempty"`
	Body    []byte      `json:"body,omitempty"`    // the bytes that arrived
	Missing string      `json:"missing,omitempty"` // why Body is not all of them; "" it is
	Removed []string    `json:"removed,omitempty"` // names of the secrets that were taken out
	Verdict Verdict     `json:"verdict"`
}

// Verdict is what became of the request.
type Verdict struct {
	Mode     string `json:"mode"`
	Paranoia int    `json:"paranoia"`
	Status   int    `json:"status,omitempty"` // of the answer, 0: passed on
	Blocked  bool   `json:"blocked,omitempty"`
	Rules    []int  `json:"rules,omitempty"`
	Score    int    `json:"score,omitempty"`
}

// kind is what captures are sealed as.
const kind = "waf.capture"

// Options are those of a writer of captures.
func Options(o records.Options) records.Options {
	o.Kind = kind
	return o
}

// Read calls f with every record of the file, as records.Read does.
func Read(r io.Reader, keys records.Sealer, f func(*Record) error) error {
	return records.Read(r, kind, keys, func(plain []byte) error {
		rec := new(Record)
		if err := json.Unmarshal(plain, rec); err != nil {
			return fmt.Errorf("it is not as this version writes it: %w", err)
		}
		return f(rec)
	})
}

// Encode implements records.Record.
func (r *Record) Encode() ([]byte, error) { return json.Marshal(r) }

// Weight implements records.Record.
func (r *Record) Weight() int64 { return int64(len(r.Body)) }

// Package capture keeps whole requests for `convosphere waf replay`: sampled, without secrets, encrypted with the gateway's key ring, and
// gone after a time. Writing is off the request's path; what finds no room is dropped and counted.
package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
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

// mostRecord bounds what is written for one request, and what a reader takes for one.
const mostRecord = 8 << 20

var errTooLong = errors.New("the record is too long")

func (r *Record) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err == nil && len(b) > mostRecord {
		err = errTooLong
	}
	return b, err
}

func decode(b []byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("a record is not as this version writes it: %w", err)
	}
	return r, nil
}

// Sealer encrypts for a place and opens what it encrypted for the same place: the key ring.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

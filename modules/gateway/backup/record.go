package backup

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Kinds of records.
const (
	proofRecord = 'P'
	tableRecord = 'T'
	rowRecord   = 'R'
	keyRecord   = 'K'
	endRecord   = 'E'
)

// maxRecord is the size of a record at most. A row of ours has some kilobytes.
const maxRecord = 16 << 20

// errMalformed is what an authentic file that makes no sense gives: another program has made it, with the secret.
var errMalformed = fmt.Errorf("%w: its records make no sense", ErrNoBackup)

// writer writes records.
type writer struct {
	w    *bufio.Writer
	b    []byte // of a row, used again
	rows map[string]int64
}

func newWriter(w io.Writer) *writer {
	return &writer{w: bufio.NewWriterSize(w, segment), rows: map[string]int64{}}
}

func (w *writer) record(kind byte, payload []byte) error {
	if len(payload) > maxRecord {
		return fmt.Errorf("a record of %d bytes is too large for a backup", len(payload))
	}
	if err := w.w.WriteByte(kind); err != nil {
		return err
	}
	var n [binary.MaxVarintLen64]byte
	if _, err := w.w.Write(n[:binary.PutUvarint(n[:], uint64(len(payload)))]); err != nil {
		return err
	}
	_, err := w.w.Write(payload)
	return err
}

// tableHead is the payload of a table's record.
type tableHead struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

func (w *writer) table(t database.Table) error {
	head := tableHead{Name: t.Name}
	for _, c := range t.Columns {
		head.Columns = append(head.Columns, c.Name)
	}
	raw, err := json.Marshal(head)
	if err != nil {
		return err
	}
	w.rows[t.Name] = 0
	return w.record(tableRecord, raw)
}

// row writes one row of the table; values are as database/sql gives them.
func (w *writer) row(t database.Table, values []any) error {
	w.b = w.b[:0]
	for i, v := range values {
		var err error
		if w.b, err = appendValue(w.b, t.Columns[i].Kind, v); err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name, t.Columns[i].Name, err)
		}
	}
	w.rows[t.Name]++
	return w.record(rowRecord, w.b)
}

// normal gives a value that was read the type of its column's kind. SQLite keeps texts that were stored as bytes, and the other way round,
// and reads no bytes as a nil slice, which would be NULL where it is written.
func normal(kind database.Kind, v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case int64:
		if kind == database.Integer {
			return v, nil
		}
	case string:
		if kind == database.Text {
			return v, nil
		} else if kind == database.Bytes {
			return []byte(v), nil
		}
	case []byte:
		if kind == database.Text {
			return string(v), nil
		} else if kind == database.Bytes {
			return append([]byte{}, v...), nil
		}
	}
	return nil, fmt.Errorf("a %T stands in a column of another kind", v)
}

func appendValue(b []byte, kind database.Kind, v any) ([]byte, error) {
	v, err := normal(kind, v)
	switch v := v.(type) {
	case nil:
		return append(b, 'n'), err
	case int64:
		return binary.AppendVarint(append(b, byte(kind)), v), nil
	case string:
		return append(binary.AppendUvarint(append(b, byte(kind)), uint64(len(v))), v...), nil
	case []byte:
		return append(binary.AppendUvarint(append(b, byte(kind)), uint64(len(v))), v...), nil
	}
	return b, err
}

func (w *writer) key(name string, raw []byte) error {
	b := append(binary.AppendUvarint(nil, uint64(len(name))), name...)
	return w.record(keyRecord, append(b, raw...))
}

func (w *writer) end() error {
	raw, err := json.Marshal(w.rows)
	if err != nil {
		return err
	}
	return errors.Join(w.record(endRecord, raw), w.w.Flush())
}

// sink takes what a backup holds.
type sink interface {
	table(t database.Table) error
	row(t database.Table, values []any) error // values: int64, string, []byte or nil; not kept
	key(name string, raw []byte) error
	proof(sealed []byte) error
}

// read hands the records to the sink and returns how many rows each table had. tables are all that there must be. It believes nothing
// that it reads: tables, columns, kinds, order and counts must be right, and nothing may follow the end.
func read(r io.Reader, tables []database.Table, keys bool, to sink) (map[string]int64, error) {
	p := &parser{r: bufio.NewReaderSize(r, 64<<10), keys: keys, to: to, known: map[string]database.Table{}, rows: map[string]int64{}, files: map[string]bool{}}
	for _, t := range tables {
		p.known[t.Name] = t
	}
	for !p.ended {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	// The end of the records must be the end of the file, which only the last segment's tag tells.
	if _, err := p.r.ReadByte(); err != io.EOF {
		return nil, errors.Join(errMalformed, err)
	}
	return p.rows, nil
}

type parser struct {
	r     *bufio.Reader
	to    sink
	keys  bool
	known map[string]database.Table
	rows  map[string]int64
	files map[string]bool
	now   *database.Table // whose rows come
	buf   []byte
	vals  []any
	proof bool
	ended bool
}

func (p *parser) next() error {
	kind, err := p.r.ReadByte()
	if err != nil {
		return early(err)
	}
	n, err := binary.ReadUvarint(p.r)
	if err != nil {
		return early(err)
	}
	if n > maxRecord {
		return errMalformed
	}
	if uint64(cap(p.buf)) < n {
		p.buf = make([]byte, n)
	}
	b := p.buf[:n]
	if _, err := io.ReadFull(p.r, b); err != nil {
		return early(err)
	}
	if !p.proof && kind != proofRecord {
		return errMalformed
	}
	if kind != rowRecord {
		p.now = nil
	}
	switch kind {
	case proofRecord:
		if p.proof {
			return errMalformed
		}
		p.proof = true
		return p.to.proof(b)
	case tableRecord:
		return p.table(b)
	case rowRecord:
		return p.row(b)
	case keyRecord:
		return p.key(b)
	case endRecord:
		return p.end(b)
	}
	return errMalformed
}

// early is the error of a file that ends before its records do.
func early(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errMalformed
	}
	if errors.Is(err, ErrAltered) {
		return err
	}
	return errors.Join(errMalformed, err)
}

func (p *parser) table(b []byte) error {
	var head tableHead
	if err := json.Unmarshal(b, &head); err != nil {
		return errMalformed
	}
	t, ok := p.known[head.Name]
	if _, twice := p.rows[head.Name]; !ok || twice || len(head.Columns) != len(t.Columns) {
		return fmt.Errorf("%w: table %.64q", errMalformed, head.Name)
	}
	for i, c := range t.Columns {
		if head.Columns[i] != c.Name {
			return fmt.Errorf("%w: columns of table %.64q", errMalformed, head.Name)
		}
	}
	p.now = &t
	p.rows[t.Name] = 0
	return p.to.table(t)
}

func (p *parser) row(b []byte) error {
	if p.now == nil {
		return errMalformed
	}
	p.vals = p.vals[:0]
	for _, c := range p.now.Columns {
		var v any
		var err error
		if v, b, err = readValue(b, c.Kind); err != nil {
			return err
		}
		p.vals = append(p.vals, v)
	}
	if len(b) != 0 {
		return errMalformed
	}
	p.rows[p.now.Name]++
	return p.to.row(*p.now, p.vals)
}

func readValue(b []byte, kind database.Kind) (v any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errMalformed
	}
	got := b[0]
	b = b[1:]
	switch {
	case got == 'n':
		return nil, b, nil
	case got != byte(kind):
		return nil, nil, errMalformed
	case kind == database.Integer:
		i, n := binary.Varint(b)
		if n <= 0 {
			return nil, nil, errMalformed
		}
		return i, b[n:], nil
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, errMalformed
	}
	raw, rest := b[n:n+int(size)], b[n+int(size):]
	if kind == database.Text {
		return string(raw), rest, nil
	}
	return append([]byte{}, raw...), rest, nil
}

func (p *parser) key(b []byte) error {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) || !p.keys {
		return errMalformed
	}
	name := string(b[n : n+int(size)])
	if p.files[name] || len(p.files) == 64 {
		return errMalformed
	}
	p.files[name] = true
	return p.to.key(name, append([]byte{}, b[n+int(size):]...))
}

func (p *parser) end(b []byte) error {
	var told map[string]int64
	if err := json.Unmarshal(b, &told); err != nil || len(told) != len(p.known) || len(p.rows) != len(p.known) {
		return errMalformed
	}
	for name, n := range p.rows {
		if m, ok := told[name]; !ok || m != n {
			return fmt.Errorf("%w: rows of table %.64q", errMalformed, name)
		}
	}
	if p.keys && len(p.files) == 0 {
		return errMalformed
	}
	p.ended = true
	return nil
}

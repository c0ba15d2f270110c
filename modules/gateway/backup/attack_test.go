package backup

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// opened reads a backup's records to their end.
func opened(b []byte, s Secret) (n int64, err error) {
	_, body, err := unseal(bytes.NewReader(b), s)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, body)
}

func sealed(t testing.TB, s Secret, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := seal(&b, Header{Schema: 1, Gateway: "test"}, s)
	must(t, err)
	_, err = w.Write(bytes.Repeat([]byte("backup "), size/7))
	must(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

// unreadable tells the errors that a file gives which is not as it was written.
func unreadable(err error) bool {
	return errors.Is(err, ErrNoBackup) || errors.Is(err, ErrSecret) || errors.Is(err, ErrAltered) || err != nil && strings.Contains(err.Error(), "header")
}

func TestEveryAlteredByteIsSeen(t *testing.T) {
	s := keySecret(t)
	b := sealed(t, s, 350)
	if n, err := opened(b, s); n != 350 || err != nil {
		t.Fatal(n, err)
	}
	for i := range b {
		for _, bit := range []byte{1, 0x80} {
			altered := slices.Clone(b)
			altered[i] ^= bit
			if n, err := opened(altered, s); err == nil || n != 0 {
				t.Fatalf("byte %d: %d bytes were given out, %v", i, n, err)
			}
		}
	}
}

func TestEveryCutIsSeen(t *testing.T) {
	s := keySecret(t)
	b := sealed(t, s, 3*segment)
	for _, n := range slices.Concat([]int{0, 1, 20, 21, 25, 100}, []int{len(b) - 1, len(b) - 16, len(b) - 17, segment, 2 * segment, 2*segment - 16}) {
		if _, err := opened(b[:n], s); !unreadable(err) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for range 100 {
		n := rand.IntN(len(b))
		if _, err := opened(b[:n], s); !unreadable(err) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if _, err := opened(append(slices.Clone(b), 0), s); !errors.Is(err, ErrAltered) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := opened(append(slices.Clone(b), b...), s); !errors.Is(err, ErrAltered) {
		t.Errorf("twice: %v", err)
	}
}

// Segments exchanged, repeated, left out, or taken from another backup of the same secret are refused.
func TestSegmentsKeepTheirPlace(t *testing.T) {
	s := keySecret(t)
	b, other := sealed(t, s, 4*segment), sealed(t, s, 4*segment)
	_, head, err := readHead(bytes.NewReader(b))
	must(t, err)
	start := len(head) + 32 // the tag
	at := func(b []byte, i int) []byte { return b[start+i*segment : start+(i+1)*segment] }
	for name, alter := range map[string]func(b []byte) []byte{
		"exchanged": func(b []byte) []byte {
			first := slices.Clone(at(b, 1))
			copy(at(b, 1), at(b, 2))
			copy(at(b, 2), first)
			return b
		},
		"repeated":           func(b []byte) []byte { copy(at(b, 2), at(b, 1)); return b },
		"left out":           func(b []byte) []byte { return slices.Delete(b, start+segment, start+2*segment) },
		"of another":         func(b []byte) []byte { copy(at(b, 1), at(other, 1)); return b },
		"the body of other":  func(b []byte) []byte { return append(b[:start], other[start:]...) },
		"the first and last": func(b []byte) []byte { return append(b[:start+segment], b[len(b)-segment/2:]...) },
	} {
		if _, err := opened(alter(slices.Clone(b)), s); !errors.Is(err, ErrAltered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// After its error a reader gives nothing more, not the end of the file either, at which somebody could stop reading content.
func TestErrorsStay(t *testing.T) {
	s := keySecret(t)
	b := sealed(t, s, 100)
	b[len(b)-1] ^= 1
	_, body, err := unseal(bytes.NewReader(b), s)
	must(t, err)
	for range 3 {
		if n, err := body.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrAltered) {
			t.Fatal(n, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	typed := "Grüße an den Otter"
	right, err := Passphrase(typed)
	must(t, err)
	right.memory = 8 << 10 // the header tells; so what opens it takes as little
	b := sealed(t, right, 100)
	composed, err := Passphrase("Gru\u0308ße an den Otter") // as another keyboard writes it
	must(t, err)
	if n, err := opened(b, composed); n == 0 || err != nil {
		t.Error(n, err)
	}
	wrong, err := Passphrase(typed + " ")
	must(t, err)
	if _, err := opened(b, wrong); !errors.Is(err, ErrSecret) {
		t.Error(err)
	}
	if _, err := opened(b, keySecret(t)); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Error(err)
	}
	key := keySecret(t)
	b = sealed(t, key, 100)
	if _, err := opened(b, keySecret(t)); !errors.Is(err, ErrSecret) {
		t.Error(err)
	}
	if _, err := opened(b, right); err == nil || !strings.Contains(err.Error(), "--key-file") {
		t.Error(err)
	}
	if _, err := opened(b, Secret{}); err == nil {
		t.Error("no secret is one")
	}
	for _, short := range []string{"", "elevenchars", "\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff", strings.Repeat("x", 1025)} {
		if _, err := Passphrase(short); err == nil {
			t.Errorf("%q is a passphrase", short)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	must(t, NewKeyFile(path))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := NewKeyFile(path); err == nil {
		t.Error("a key file is overwritten")
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := KeyFile(path); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Error(err)
	}
	for _, content := range []string{"", "secret", strings.Repeat("A", 44), keyLine, keyLine + "AAAA", keyLine + base64.StdEncoding.EncodeToString(make([]byte, 16)), strings.Repeat("x", 1<<16)} {
		must(t, os.WriteFile(filepath.Join(dir, "bad"), []byte(content), 0o600))
		if s, err := KeyFile(filepath.Join(dir, "bad")); err == nil || s.key != nil {
			t.Errorf("%.60q is a key file", content)
		}
	}
}

// A header that asks for gigabytes, or for nothing, is refused before Argon2id runs.
func TestHeadersCostLittle(t *testing.T) {
	s, err := Passphrase("a passphrase")
	must(t, err)
	for _, l := range []lock{
		{Memory: 1 << 31, Time: 1, Threads: 1}, {Memory: 8 << 10, Time: 1 << 30, Threads: 1}, {Memory: 8 << 10, Time: 1, Threads: 255},
		{}, {Memory: 8, Time: 1, Threads: 1}, {Memory: 8 << 10, Threads: 1}, {Memory: 8 << 10, Time: 1},
	} {
		l.Kind, l.Salt = "passphrase", make([]byte, 32)
		raw, err := json.Marshal(Header{Lock: l})
		must(t, err)
		b := append(binary.BigEndian.AppendUint32([]byte(firstLine), uint32(len(raw))), raw...)
		if _, err := opened(append(b, make([]byte, 1000)...), s); err == nil || !strings.Contains(err.Error(), "cost") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for name, b := range map[string]string{
		"another file": "SQLite format 3\x00 and more bytes than a head has", "nothing": "", "a header of 4 GiB": firstLine + "\xff\xff\xff\xff{}",
		"half a header": firstLine + "\x00\x00\x00\x09{}", "no JSON": firstLine + "\x00\x00\x00\x02{]", "more": firstLine + "\x00\x00\x00\x07{\"x\":1}",
		"another version": magic + "2\n\x00\x00\x00\x02{}",
	} {
		if _, err := opened([]byte(b), s); err == nil {
			t.Error(name)
		}
	}
}

// forge seals records that a test wrote, with the right secret.
func forge(t testing.TB, s Secret, h Header, write func(w *writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	body, err := seal(&b, h, s)
	must(t, err)
	w := newWriter(body)
	write(w)
	must(t, errors.Join(w.w.Flush(), body.Close()))
	return b.Bytes()
}

// Who has the secret still can't bring in what is none of ours: other tables, columns, files outside the folder, rows that refer to nothing.
func TestForgedRecordsAreRefused(t *testing.T) {
	s := keySecret(t)
	g := newGateway(t, dbtest.NewSQLite(t))
	var proof []byte
	files := folder(t, g.Keys)
	tables, err := tablesOf(ctx, database.Latest())
	must(t, err)
	{
		c, err := Check(ctx, bytes.NewReader(backedUp(t, g.Place, s, Options{})), s, t.TempDir())
		must(t, err)
		proof = c.proof
		must(t, c.Close())
	}
	grants := tables[slices.IndexFunc(tables, func(t database.Table) bool { return t.Name == "grants" })]
	devices := tables[slices.IndexFunc(tables, func(t database.Table) bool { return t.Name == "sessions" })]
	orphan := make([]any, len(devices.Columns))
	for i, c := range devices.Columns {
		orphan[i] = map[database.Kind]any{database.Integer: int64(1), database.Text: "nobody", database.Bytes: []byte{}}[c.Kind]
	}
	all := func(w *writer) {
		for _, t := range tables {
			_ = w.table(t)
		}
	}
	head := Header{Schema: database.Latest(), Keys: true}
	for name, write := range map[string]func(w *writer){
		"nothing":        func(*writer) {},
		"no end":         func(w *writer) { w.record('P', proof); w.key("root.key", files["root.key"]); all(w) },
		"no proof":       func(w *writer) { w.key("root.key", files["root.key"]); all(w); w.end() },
		"no keys":        func(w *writer) { w.record('P', proof); all(w); w.end() },
		"a table less":   func(w *writer) { w.record('P', proof); w.key("root.key", nil); w.table(tables[0]); w.end() },
		"a table twice":  func(w *writer) { w.record('P', proof); w.table(grants); w.table(grants) },
		"another table":  func(w *writer) { w.record('P', proof); w.table(database.Table{Name: "sqlite_master"}) },
		"the feed":       func(w *writer) { w.record('P', proof); w.table(database.Table{Name: "changes"}) },
		"the versions":   func(w *writer) { w.record('P', proof); w.table(database.Table{Name: "goose_db_version"}) },
		"a table as SQL": func(w *writer) { w.record('P', proof); w.table(database.Table{Name: "grants; DROP TABLE accounts"}) },
		"another column": func(w *writer) {
			w.record('P', proof)
			w.record('T', []byte(`{"name":"grants","columns":["object","subject","relation","id"]}`))
		},
		"columns moved": func(w *writer) {
			w.record('P', proof)
			w.record('T', []byte(`{"name":"grants","columns":["subject","object","relation","at"]}`))
		},
		"a row of nothing": func(w *writer) { w.record('P', proof); w.row(grants, []any{"a", "b", "c", int64(1)}) },
		"a short row":      func(w *writer) { w.record('P', proof); w.table(grants); w.record('R', []byte("t\x01a")) },
		"a long row": func(w *writer) {
			w.record('P', proof)
			w.table(grants)
			w.record('R', []byte("t\x01at\x01bt\x01ci\x02n"))
		},
		"another kind": func(w *writer) {
			w.record('P', proof)
			w.table(grants)
			w.record('R', []byte("b\x01at\x01bt\x01ci\x02"))
		},
		"a long text": func(w *writer) {
			w.record('P', proof)
			w.table(grants)
			w.record('R', []byte("t\xff\xff\xff\xff\xff\xff\xff\xff\x7fa"))
		},
		"a NULL": func(w *writer) {
			w.record('P', proof)
			w.key("root.key", files["root.key"])
			w.table(grants)
			w.record('R', []byte("nnnn"))
			all(w)
			w.end()
		},
		"a huge record":   func(w *writer) { w.w.WriteString("P\xff\xff\xff\xff\x7f") },
		"an unknown kind": func(w *writer) { w.record('P', proof); w.record('Z', nil) },
		"two proofs":      func(w *writer) { w.record('P', proof); w.record('P', proof) },
		"a path":          func(w *writer) { w.record('P', proof); w.key("../root.key", files["root.key"]) },
		"a hidden file":   func(w *writer) { w.record('P', proof); w.key(".ssh", nil) },
		"the lock":        func(w *writer) { w.record('P', proof); w.key("lock", nil) },
		"a key twice":     func(w *writer) { w.record('P', proof); w.key("root.key", nil); w.key("root.key", nil) },
		"other counts": func(w *writer) {
			w.record('P', proof)
			w.key("root.key", files["root.key"])
			all(w)
			w.rows["grants"] = 1
			w.end()
		},
		"more at the end": func(w *writer) {
			w.record('P', proof)
			for name, raw := range files {
				w.key(name, raw)
			}
			all(w)
			w.end()
			w.record('P', nil)
		},
		"other keys": func(w *writer) {
			w.record('P', proof)
			for name, raw := range folder(t, newGateway(t, dbtest.NewSQLite(t)).Keys) {
				w.key(name, raw)
			}
			all(w)
			w.end()
		},
		"a session of nobody": func(w *writer) {
			w.record('P', proof)
			for name, raw := range files {
				w.key(name, raw)
			}
			for _, t := range tables {
				w.table(t)
				if t.Name == "sessions" {
					w.row(t, orphan)
				}
			}
			w.end()
		},
	} {
		b := forge(t, s, head, write)
		if !slices.Contains([]string{"a NULL", "a path", "a hidden file", "the lock", "more at the end", "other keys", "a session of nobody"}, name) {
			// The reader alone refuses it, before any database.
			if _, body, err := unseal(bytes.NewReader(b), s); err != nil {
				t.Fatal(err)
			} else if _, err := read(body, tables, true, discard{}); !errors.Is(err, ErrNoBackup) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		scratch := t.TempDir()
		c, err := Check(ctx, bytes.NewReader(b), s, scratch)
		if err == nil {
			t.Errorf("%s: taken", name)
			must(t, c.Close())
		}
		if left, _ := filepath.Glob(filepath.Join(scratch, ".*")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	for _, schema := range []int64{-1, 0, database.Latest() + 1} {
		if _, err := Check(ctx, bytes.NewReader(forge(t, s, Header{Schema: schema}, func(*writer) {})), s, t.TempDir()); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("tables of version %d: %v", schema, err)
		}
	}
}

// A backup is there whole or not at all, for its owner alone, and takes nobody's place unasked.
func TestCreate(t *testing.T) {
	s := keySecret(t)
	g := newGateway(t, dbtest.NewSQLite(t))
	dir := t.TempDir()
	path := filepath.Join(dir, "b.gwb")
	o := Options{Now: now}
	sum, err := Create(ctx, path, false, g.Place, s, o)
	if err != nil || sum.Rows["accounts"] != 2 {
		t.Fatal(sum, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	was, _ := os.ReadFile(path)
	if _, err := Create(ctx, path, false, g.Place, s, o); err == nil || !strings.Contains(err.Error(), "--overwrite") {
		t.Error(err)
	}
	if is, _ := os.ReadFile(path); !bytes.Equal(was, is) {
		t.Error("overwritten")
	}
	if _, err := Create(ctx, path, true, g.Place, s, o); err != nil {
		t.Error(err)
	}
	// Where it fails, the old one stays.
	for name, place := range map[string]Place{
		"no database": {database.Config{SQLite: filepath.Join(dir, "none.db")}, g.Keys},
		"no keys":     {g.Database, filepath.Join(dir, "none")},
	} {
		was, _ := os.ReadFile(path)
		if _, err := Create(ctx, path, true, place, s, o); err == nil {
			t.Error(name)
		}
		if is, _ := os.ReadFile(path); !bytes.Equal(was, is) {
			t.Errorf("%s: the old backup is gone", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Error("left", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Error("left", left)
	}
}

// Nothing of what is backed up can be read in the file.
func TestNothingIsReadable(t *testing.T) {
	s := keySecret(t)
	g := newGateway(t, dbtest.New(t))
	b := backedUp(t, g.Place, s, Options{})
	files := folder(t, g.Keys)
	for _, plain := range []string{"ursula", "petra", "argon2id$", "accounts", string(files["root.key"]), g.totp} {
		if bytes.Contains(b, []byte(plain)) {
			t.Errorf("%.20q is readable", plain)
		}
	}
}

// discard is a sink that keeps nothing.
type discard struct{}

func (discard) table(database.Table) error      { return nil }
func (discard) row(database.Table, []any) error { return nil }
func (discard) key(string, []byte) error        { return nil }
func (discard) proof([]byte) error              { return nil }

var fuzzed = []database.Table{{Name: "a", Columns: []database.Column{{Name: "i", Kind: 'i'}, {Name: "t", Kind: 't'}, {Name: "b", Kind: 'b'}}}, {Name: "z", Columns: []database.Column{{Name: "i", Kind: 'i'}}}}

// FuzzRecords: whatever the records are, reading ends with them or with an error, and what was read can be written again.
func FuzzRecords(f *testing.F) {
	var b bytes.Buffer
	w := newWriter(&b)
	for _, err := range []error{
		w.record('P', []byte("proof")), w.key("root.key", []byte("key")), w.table(fuzzed[0]), w.row(fuzzed[0], []any{int64(-5), "text", []byte("bytes")}),
		w.row(fuzzed[0], []any{nil, nil, nil}), w.table(fuzzed[1]), w.end(),
	} {
		must(f, err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("P\x00T\x02{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		again := &rewriter{w: newWriter(io.Discard)}
		rows, err := read(bytes.NewReader(b), fuzzed, true, again)
		if err != nil {
			return
		}
		for name, n := range rows {
			if again.w.rows[name] != n {
				t.Fatalf("%s: %d rows, %d written again", name, n, again.w.rows[name])
			}
		}
	})
}

type rewriter struct{ w *writer }

func (r *rewriter) table(t database.Table) error           { return r.w.table(t) }
func (r *rewriter) row(t database.Table, vals []any) error { return r.w.row(t, vals) }
func (r *rewriter) key(name string, raw []byte) error      { return r.w.key(name, raw) }
func (r *rewriter) proof(b []byte) error                   { return r.w.record('P', b) }

// firstVersion is a backup of the first version of the format, and what opens it.
func firstVersion(t testing.TB) ([]byte, Secret) {
	t.Helper()
	b, err := os.ReadFile("testdata/version-1.backup")
	must(t, err)
	raw, err := os.ReadFile("testdata/version-1.key")
	must(t, err)
	path := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(path, raw, 0o600))
	s, err := KeyFile(path)
	must(t, err)
	return b, s
}

// Backups that were once made can be restored for ever.
func TestFirstVersionIsRestored(t *testing.T) {
	b, s := firstVersion(t)
	to := nowhere(t, dbtest.New(t))
	if _, err := restored(t, b, s, to, How{}); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, to.Database)["accounts"]; len(got) != 1 || !strings.Contains(got[0], "username=ursula") {
		t.Errorf("%q", got)
	}
}

// FuzzOpen: no file but the one that was sealed with the key gives anything out.
func FuzzOpen(f *testing.F) {
	genuine, s := firstVersion(f)
	f.Add(genuine)
	f.Add(genuine[:len(firstLine)+4])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := opened(b, s); err == nil && !bytes.Equal(b, genuine) {
			t.Fatal("a file that nobody sealed is opened")
		}
	})
}

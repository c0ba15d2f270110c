package source

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// rig is a keeper with what it has told.
type rig struct {
	t       testing.TB
	o       Options
	keeper  *Keeper
	mu      sync.Mutex
	reports []Report
	current *engine.Snapshot
}

func newRig(t testing.TB, origin Origin) *rig {
	t.Helper()
	r := &rig{t: t}
	r.o = Options{
		Origin: origin, Now: time.Now,
		Compile: func(ctx context.Context, src *engine.Source) (*engine.Snapshot, error) {
			s, err := engine.Compile(ctx, src)
			if err == nil {
				if err := engine.Verify(ctx, src); err != nil {
					return nil, &Refusal{Reason: TestsFail, Err: err}
				}
			}
			return s, err
		},
		Check: func(ctx context.Context, s *engine.Snapshot) error {
			if d, err := s.Evaluate(ctx, (&engine.Input{}).Value(), engine.Options{Now: noon}); d.Failure == engine.Malformed {
				return &Refusal{Reason: Malformed, Err: err}
			}
			return nil
		},
		Report: func(rep Report) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reports = append(r.reports, rep)
		},
		Swap: func(s *engine.Snapshot) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.current = s
		},
	}
	return r
}

func (r *rig) load() error {
	r.t.Helper()
	k, s, err := Load(context.Background(), r.o)
	if err == nil {
		r.keeper, r.current = k, s
	}
	return err
}

func (r *rig) mustLoad() {
	r.t.Helper()
	if err := r.load(); err != nil {
		r.t.Fatal(err)
	}
}

// allows asks what is in force.
func (r *rig) allows() bool {
	r.t.Helper()
	r.mu.Lock()
	s := r.current
	r.mu.Unlock()
	d, err := s.Evaluate(context.Background(), (&engine.Input{}).Value(), engine.Options{Now: noon})
	if err != nil {
		r.t.Fatal(err)
	}
	return d.Allow
}

// revision is that of what is in force.
func (r *rig) revision() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.Revision
}

// told takes the reports since the last time.
func (r *rig) told() []Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.reports
	r.reports = nil
	return out
}

// look looks, once more for what was under change, and returns what it came to.
func (r *rig) look() error {
	ctx := context.Background()
	return errors.Join(r.keeper.Look(ctx, false), r.keeper.Look(ctx, false))
}

// A new policy that is no good leaves the last good one, says why once, and the next good one is taken.
func TestTheLastGoodPolicyStays(t *testing.T) {
	folder := write(t, "true")
	r := newRig(t, NewFolder(folder, time.Now))
	r.mustLoad()
	if told := r.told(); len(told) != 1 || told[0].Err != nil || told[0].Revision != r.revision() || told[0].From != folder {
		t.Fatalf("%+v", told)
	}
	if err := r.look(); err != nil || len(r.told()) != 0 {
		t.Error("what has not changed was told", err)
	}
	test := "package gateway_test\n\ntest_a if data.gateway.decision.allow == "
	for _, c := range []struct{ name, file, text, reason string }{
		{"does not parse", "a.rego", "package gateway\n\ndecision := {", Uncompiled},
		{"a wrong type", "a.rego", "package gateway\n\ndecision := {\"allow\": input.identty}\n", Uncompiled},
		{"its tests fail", "a.rego", "package gateway\n\ndecision := {\"allow\": false}\n", TestsFail},
		{"malformed", "a.rego", "package gateway\n\ndecision := {\"allow\": true, \"obligations\": 1}\n", Malformed},
		{"data", "sub/data.json", "{", Untrusted},
		{"data with a member twice", "sub/data.json", `{"on": false, "on": true}`, Untrusted},
	} {
		put(t, folder, c.file, c.text)
		if err := r.look(); err == nil {
			t.Errorf("%s: no error", c.name)
		}
		told := r.told()
		if len(told) != 1 || told[0].Reason != c.reason || told[0].Err == nil {
			t.Errorf("%s: %+v", c.name, told)
		}
		if !r.allows() || r.keeper.State().LastError == "" {
			t.Errorf("%s: the last good one is gone, or nobody knows", c.name)
		}
		_ = r.look()
		if told := r.told(); len(told) != 0 {
			t.Errorf("%s: told again: %+v", c.name, told)
		}
		put(t, folder, "sub/data.json", "{}")
	}
	put(t, folder, "a.rego", "package gateway\n\ndecision := {\"allow\": false}\n")
	put(t, folder, "a_test.rego", test+"false\n")
	if err := r.look(); err != nil || r.allows() {
		t.Error("the next good one was not taken", err)
	}
	if told := r.told(); len(told) != 1 || told[0].Err != nil || r.keeper.State().LastError != "" {
		t.Errorf("%+v", told)
	}
}

// While files change nothing is read: an editor that writes two of them is not caught between.
func TestAFolderIsReadWhenItIsQuiet(t *testing.T) {
	folder := write(t, "true")
	r := newRig(t, NewFolder(folder, time.Now))
	r.mustLoad()
	ctx := context.Background()
	put(t, folder, "a.rego", "package gateway\n\ndecision := {\"allow\": false}\n")
	if err := r.keeper.Look(ctx, false); err != nil || !r.allows() {
		t.Error("read while it changed", err)
	}
	put(t, folder, "a_test.rego", "package gateway_test\n\ntest_a if not data.gateway.decision.allow\n")
	if err := r.keeper.Look(ctx, false); err != nil || !r.allows() {
		t.Error("read while it changed", err)
	}
	if err := r.keeper.Look(ctx, false); err != nil || r.allows() {
		t.Error("not read when it was quiet", err)
	}
}

// A ConfigMap is replaced by swapping a link, at which its files' own times may well go backwards.
func TestAConfigMapIsSwapped(t *testing.T) {
	folder := t.TempDir()
	version := func(name, allow string) {
		dir := filepath.Join(folder, name)
		put(t, dir, "a.rego", "package gateway\n\ndecision := {\"allow\": "+allow+"}\n")
		put(t, dir, "data.json", "{}")
		old := time.Now().Add(-time.Hour)
		for _, f := range []string{"a.rego", "data.json"} {
			if err := os.Chtimes(filepath.Join(dir, f), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(folder, name+".new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, name+".new"), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	version("..2026_1", "true ")
	version("..2026_2", "false")
	link("..2026_1", "..data")
	link("..data/a.rego", "a.rego")
	link("..data/data.json", "data.json")
	r := newRig(t, NewFolder(folder, time.Now))
	r.mustLoad()
	link("..2026_2", "..data")
	if err := r.look(); err != nil || r.allows() {
		t.Error("the swap went unseen", err)
	}
}

// A file that changed twice within one tick of the file system's clock looks the same: it is read again until it is old enough.
func TestAChangeThatLooksTheSameIsSeen(t *testing.T) {
	folder := write(t, "true ")
	put(t, folder, "a_test.rego", "package gateway_test\n")
	at := time.Now()
	file := filepath.Join(folder, "a.rego")
	same := func() {
		t.Helper()
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	same()
	r := newRig(t, NewFolder(folder, func() time.Time { return at.Add(time.Second) }))
	r.mustLoad()
	if err := os.WriteFile(file, []byte("package gateway\n\ndecision := {\"allow\": false}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	same()
	if err := r.look(); err != nil || r.allows() {
		t.Error("the change went unseen", err)
	}
}

func TestAMissingOriginDoesNotLoad(t *testing.T) {
	for name, o := range map[string]Origin{
		"folder": NewFolder("/no/such", time.Now), "file": NewFile("/no/such", &Trust{Unsigned: true}, time.Now),
		"empty": NewFolder(t.TempDir(), time.Now), "device": NewFile("/dev/zero", &Trust{Unsigned: true}, time.Now),
	} {
		if err := newRig(t, o).load(); err == nil {
			t.Errorf("%s loads", name)
		}
	}
}

// bundles keeps what a server sends.
type bundles struct {
	mu     sync.Mutex
	serve  http.HandlerFunc
	asked  int
	header http.Header
}

func (b *bundles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked++
	b.header = r.Header.Clone()
	f := b.serve
	b.mu.Unlock()
	f(w, r)
}

func (b *bundles) set(f http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve = f
}

func sends(raw []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
			if r.Header.Get("If-None-Match") == etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		_, _ = w.Write(raw)
	}
}

// served is a rig over a server, whose bundles p signs.
func served(t *testing.T, p pair, keep string) (*rig, *bundles, *httptest.Server) {
	t.Helper()
	b := &bundles{}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	origin, err := NewRemote(Remote{URL: server.URL + "/b.tar.gz", Trust: p.trust(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, origin)
	if keep != "" {
		r.o.Kept = NewKept(keep, origin.String(), p.trust(t))
	}
	return r, b, server
}

// Whatever a server does wrong, what is in force stays, and what is right is taken afterwards.
func TestFaultsOfAServer(t *testing.T) {
	p, other := ecPair(t), ecPair(t)
	now := time.Now()
	good, next := p.signed(t, write(t, "true"), "v1", now), p.signed(t, write(t, "false"), "v2", now)
	foreign := other.signed(t, write(t, "false"), "evil", now)
	r, b, server := served(t, p, "")
	b.set(sends(good, `"1"`))
	r.mustLoad()
	r.told()
	huge := make([]byte, 1<<20)
	for _, c := range []struct {
		name, reason string
		serve        http.HandlerFunc
	}{
		{"500", Unreachable, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
		{"404", Unreachable, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }},
		{"304 to nobody's question", Unreachable, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }},
		{"cut off", Unreachable, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(next[:100])
		}},
		{"cut off without a length", Untrusted, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(next[:len(next)-10]) }},
		{"a page", Untrusted, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html><p>Please sign in"))
		}},
		{"nothing", Untrusted, func(http.ResponseWriter, *http.Request) {}},
		{"another's signature", Untrusted, sends(foreign, `"2"`)},
		{"no signature", Untrusted, sends(repack(t, next, func(f map[string][]byte) { delete(f, signaturesFile) }), "")},
		{"a changed rule", Untrusted, sends(repack(t, next, func(f map[string][]byte) { f["a.rego"] = append(f["a.rego"], '\n') }), "")},
		{"a length that is too long", Unreachable, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000000000000") }},
		{"without an end", Unreachable, func(w http.ResponseWriter, _ *http.Request) {
			for range 2 * MaxBundle / len(huge) {
				if _, err := w.Write(huge); err != nil {
					return
				}
			}
		}},
		{"redirects for ever", Unreachable, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/b.tar.gz", http.StatusFound) }},
		{"redirects into a file", Unreachable, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}},
		{"an old one", Older, sends(p.signed(t, write(t, "false"), "v0", now.Add(-time.Hour)), "")},
		{"tests that fail", TestsFail, sends(p.signed(t, broken(t), "v3", now), "")},
	} {
		b.set(c.serve)
		r.keeper.o.Origin.(*remote).etag, r.keeper.told = "", "" // each fault by itself
		if err := r.keeper.Look(context.Background(), false); err == nil {
			t.Errorf("%s: no error", c.name)
		}
		told := r.told()
		if len(told) != 1 || told[0].Reason != c.reason {
			t.Errorf("%s: %+v", c.name, told)
		}
		if !r.allows() || r.keeper.State().Label != "v1" {
			t.Fatalf("%s: what was in force is gone", c.name)
		}
	}
	b.set(sends(next, `"3"`))
	if err := r.keeper.Look(context.Background(), false); err != nil || r.allows() || r.keeper.State().Label != "v2" {
		t.Error("the next good one was not taken", err)
	}
	server.Close()
	if err := r.keeper.Look(context.Background(), false); err == nil || r.allows() {
		t.Error(err)
	}
}

// broken is a policy whose own tests fail.
func broken(t testing.TB) string {
	folder := write(t, "false")
	put(t, folder, "a_test.rego", "package gateway_test\n\ntest_a if data.gateway.decision.allow\n")
	return folder
}

// A server is asked for what is new only, and a refused bundle is fetched again: somebody on the way may have changed it.
func TestETags(t *testing.T) {
	p, now := ecPair(t), time.Now() // all of one second: what is served again is no older
	good := p.signed(t, write(t, "true"), "", now)
	r, b, _ := served(t, p, "")
	b.set(sends(good, `"1"`))
	r.mustLoad()
	r.told()
	if err := r.look(); err != nil || b.header.Get("If-None-Match") != `"1"` || len(r.told()) != 0 {
		t.Error(err, b.header)
	}
	b.set(sends([]byte("changed on the way"), `"2"`))
	_ = r.look()
	if told := r.told(); len(told) != 1 || b.header.Get("If-None-Match") != "" {
		t.Errorf("%+v %v", told, b.header)
	}
	b.set(sends(p.signed(t, write(t, "false"), "", now), `"2"`))
	if err := r.keeper.Look(context.Background(), false); err != nil || r.allows() {
		t.Error("the good one of the same name was not taken", err)
	}
	// The server's own compression is no part of a bundle.
	b.set(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(good)
	})
	if err := r.keeper.Look(context.Background(), true); err != nil || b.header.Get("Accept-Encoding") != "" {
		t.Error(err, b.header)
	}
}

// Secrets go to the host they are for.
func TestHeadersStayWithTheirHost(t *testing.T) {
	p := ecPair(t)
	good := p.signed(t, write(t, "true"), "", time.Now())
	elsewhere := &bundles{serve: sends(good, "")}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	b := &bundles{}
	server := httptest.NewServer(b)
	defer server.Close()
	b.set(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
	})
	origin, err := NewRemote(Remote{
		URL: server.URL + "/b?token=secret", Trust: p.trust(t), Now: time.Now,
		Header: http.Header{"Authorization": {"Bearer secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := origin.Fetch(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	if b.header.Get("Authorization") == "" || elsewhere.header.Get("Authorization") != "" {
		t.Errorf("here %v, elsewhere %v", b.header, elsewhere.header)
	}
	server.Close()
	if _, err := origin.Fetch(context.Background(), true); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(origin.String(), "secret") {
		t.Error(err, origin)
	}
	for _, u := range []string{"ftp://a/b", "https://user:pass@a/b", "https://", ":"} {
		if _, err := NewRemote(Remote{URL: u}); err == nil {
			t.Errorf("%s is taken", u)
		}
	}
}

func TestNoRedirectOutOfTLS(t *testing.T) {
	plain := httptest.NewServer(&bundles{serve: sends(nil, "")})
	defer plain.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	origin, err := NewRemote(Remote{URL: server.URL, CA: ca, Trust: &Trust{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := origin.Fetch(context.Background(), true); err == nil || !strings.Contains(err.Error(), "out of TLS") {
		t.Error(err)
	}
	if origin, err = NewRemote(Remote{URL: server.URL, Trust: &Trust{}, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if _, err := origin.Fetch(context.Background(), true); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

// A gateway starts while its server is away, by what it kept; and takes that only as it was signed.
func TestTheLastGoodCopy(t *testing.T) {
	p := ecPair(t)
	keep := t.TempDir()
	now := time.Now()
	r, b, server := served(t, p, keep)
	b.set(sends(p.signed(t, write(t, "true"), "v2", now), ""))
	r.mustLoad()
	b.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	again := func() (*rig, error) {
		s := newRig(t, r.o.Origin)
		s.o.Kept = r.o.Kept
		return s, s.load()
	}
	s, err := again()
	if err != nil || !s.allows() || s.keeper.State().Label != "v2" || !strings.HasPrefix(s.keeper.State().From, "the last good copy of ") {
		t.Fatal(err)
	}
	if told := s.told(); len(told) != 2 || told[0].Reason != Unreachable || told[1].Err != nil {
		t.Errorf("%+v", told)
	}
	// Neither now nor after a restart is an older one taken, though it is as well signed.
	b.set(sends(p.signed(t, write(t, "false"), "v1", now.Add(-time.Minute)), ""))
	if err := s.keeper.Look(context.Background(), false); err == nil || !s.allows() {
		t.Error("went back", err)
	}
	if s, err = again(); err != nil || !s.allows() || s.keeper.State().Label != "v2" {
		t.Error("went back at a restart", err)
	}
	entries, err := os.ReadDir(keep)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	file := filepath.Join(keep, entries[0].Name())
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	for name, content := range map[string][]byte{
		"changed": repack(t, raw, func(f map[string][]byte) { f["a.rego"] = append(f["a.rego"], '\n') }),
		"cut off": raw[:len(raw)/2], "another's": ecPair(t).signed(t, write(t, "true"), "", now), "empty": nil,
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := again(); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	// Where no copy can be kept, the policy is in force, and it is told.
	full := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(full, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	origin := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(origin, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s = newRig(t, NewFile(origin, p.trust(t), time.Now))
	s.o.Kept = NewKept(full, "x", p.trust(t))
	s.mustLoad()
	if told := s.told(); len(told) != 3 || told[1].Err != nil || told[2].Reason != Unkept || s.keeper.State().LastError == "" {
		t.Errorf("%+v", told)
	}
	// An unsigned one is not kept: nobody could tell.
	u := NewKept(keep, "x", &Trust{Unsigned: true})
	if found, err := u.Load(now); found != nil || err != nil {
		t.Error(found, err)
	}
}

// The watch ends when it is told to, also in the middle of a fetch, and takes what is new by itself.
func TestRun(t *testing.T) {
	p := ecPair(t)
	r, b, _ := served(t, p, "")
	b.set(sends(p.signed(t, write(t, "true"), "", time.Now()), ""))
	r.mustLoad()
	r.keeper.o.Origin.(*remote).Remote.Every = 10 * time.Millisecond
	hung := make(chan struct{}, 1)
	b.set(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case hung <- struct{}{}:
		default:
		}
		<-req.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.keeper.Run(ctx, nil)
	}()
	<-hung
	r.told()
	cancel()
	<-done
	if told := r.told(); len(told) != 0 {
		t.Errorf("an end is no failure: %+v", told)
	}
	swapped := make(chan struct{}, 1)
	r.keeper.o.Swap = func(*engine.Snapshot) { swapped <- struct{}{} }
	b.set(sends(p.signed(t, write(t, "false"), "", time.Now()), ""))
	ctx, cancel = context.WithCancel(context.Background())
	done = make(chan struct{})
	go func() {
		defer close(done)
		r.keeper.Run(ctx, nil)
	}()
	<-swapped
	cancel()
	<-done
}

// After failures it is asked soon, and then ever later, but never less often than it is anyhow.
func TestBackoff(t *testing.T) {
	k := &Keeper{o: Options{Origin: &remote{Remote: Remote{Every: time.Minute}}}}
	for failures, most := range map[int]time.Duration{0: time.Minute, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		distinct := map[time.Duration]bool{}
		for range 50 {
			w := k.wait(failures)
			distinct[w] = true
			if w > most || w < most*8/10-1 {
				t.Errorf("%d failures: %s", failures, w)
			}
		}
		if len(distinct) < 10 {
			t.Errorf("%d failures: all gateways of a fleet would come at once", failures)
		}
	}
}

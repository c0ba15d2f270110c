package breach

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
)

var ctx = context.Background()

// "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
const ranged = "1D2DA4053E34E76F6576ED1DA63134B5E2A:2\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004\r\n00000000000000000000000000000000000:0\r\n"

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewFolder(dir); err == nil {
		t.Fatal("an empty folder was taken")
	}
	for name, text := range map[string]string{"00000.txt": ranged, "5BAA6": ranged} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := NewFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if leaked, err := f.Leaked(ctx, "password"); err != nil || !leaked {
		t.Fatal(leaked, err)
	}
	if _, err := f.Leaked(ctx, "otter-lamp-quarry-58"); err == nil {
		t.Fatal("a range that is missing passes the password")
	}
}

func TestService(t *testing.T) {
	var asked atomic.Value
	answer := ranged
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String() + r.Header.Get("Add-Padding"))
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	defer srv.Close()
	s, err := NewService(srv.URL+"/range/", srv.Client(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if leaked, err := s.Leaked(ctx, "password"); err != nil || !leaked {
		t.Fatal(leaked, err)
	}
	if got := asked.Load(); got != "/range/5BAA6true" { // five digits of the hash, and nothing else of the password
		t.Fatal(got)
	}
	for name, c := range map[string]struct {
		status int
		text   string
	}{
		"padding": {200, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:0\r\n"}, "another": {200, strings.ReplaceAll(ranged, "1E4C9", "1E4C8")},
		"an error": {500, ranged}, "another place": {302, ranged}, "a login page": {200, "<html>"}, "endless": {200, strings.Repeat("1D2DA4053E34E76F6576ED1DA63134B5E2A:2\r\n", 100_000)},
	} {
		status, answer = c.status, c.text
		if leaked, err := s.Leaked(ctx, "password"); err != nil || leaked {
			t.Errorf("%s: %v %v", name, leaked, err)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Leaked(gone, "password"); err == nil {
		t.Error("a client that has gone")
	}
	for _, bad := range []string{"", "http://example.org/range", "ftp://example.org", "https://", "https://user:secret@example.org", "https://example.org/?x=", "/var/lib/ranges"} {
		if _, err := NewService(bad, srv.Client(), zap.NewNop()); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

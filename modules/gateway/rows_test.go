package gateway

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/stop"
)

// Who changed a row is told with what they changed, also after a reload, and never the values.
func TestRowsAreToldWithWho(t *testing.T) {
	dir := t.TempDir()
	stop.After(t)
	config := map[string]any{"data_dir": dir}
	if _, err := load(t, config); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "plain_links": "nonsense"}); err == nil { // takes nothing away
		t.Fatal("it was loaded")
	}
	g, err := load(t, map[string]any{"data_dir": dir, "plain_links": "warn"})
	if err != nil {
		t.Fatal(err)
	}
	insert := `INSERT INTO upload_allowed (sha256, at) VALUES (?, ?)`
	request, rc := reqctx.Ensure(httptest.NewRequest("POST", "/", nil))
	for sum, who := range map[string]*reqctx.Identity{"by-nobody": nil, "by-ursula": {Subject: "id-of-ursula", Name: "ursula", Kind: reqctx.KindPerson}} {
		rc.Identity = who
		if _, err := g.DB.Exec(request.Context(), insert, sum, 7654321); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.DB.Exec(database.As(t.Context(), "command"), insert, "by-command", 7654321); err != nil {
		t.Fatal(err)
	}
	if _, err := g.DB.Exec(t.Context(), `DELETE FROM upload_allowed`); err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for end := time.Now().Add(time.Minute); len(told) < 4 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if !strings.Contains(line, `"rows-changed"`) || !strings.Contains(line, `"upload_allowed"`) {
				continue
			}
			for _, key := range []string{"by-nobody", "by-ursula", "by-command", `"delete"`} {
				if strings.Contains(line, key) {
					told[key] = line
				}
			}
		}
	}
	for key, want := range map[string][]string{
		"by-nobody": {`"client"`, rc.ID}, "by-ursula": {`"person"`, "id-of-ursula", rc.ID}, "by-command": {`"command"`}, `"delete"`: {`"system"`, `"gateway.database.rows":3`},
	} {
		for _, part := range want {
			if !strings.Contains(told[key], part) {
				t.Errorf("%s: no %s in %s", key, part, told[key])
			}
		}
		if strings.Contains(told[key], "7654321") || strings.Contains(told[key], `"ursula"`) {
			t.Errorf("%s tells a value: %s", key, told[key])
		}
	}
}

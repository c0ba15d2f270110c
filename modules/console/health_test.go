package console

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
)

// A part that does not answer is said to, and nothing of how it is reached.
func TestHealth(t *testing.T) {
	h, _ := newConsole(t)
	db, err := database.Open(t.Context(), database.Config{SQLite: filepath.Join(t.TempDir(), "gateway.db")})
	if err != nil {
		t.Fatal(err)
	}
	h.ground.DB = db
	if page := ask(t, h, mona, "GET", "/console/health", "").Body.String(); strings.Count(page, ">working<") != 2 || !strings.Contains(page, "none lost") {
		t.Error(page)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if page := ask(t, h, mona, "GET", "/console/health", "").Body.String(); !strings.Contains(page, "not answering") || strings.Contains(page, "gateway.db") {
		t.Error(page)
	}
}

package factor

import (
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// Anyone may ask for a credential before signing in: looking for it reads no table through.
func TestCredentialsAreFoundByTheirIndex(t *testing.T) {
	db, err := database.Open(t.Context(), dbtest.NewSQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var plan string
	var id, parent, none int64
	if err := db.QueryRow(t.Context(), `EXPLAIN QUERY PLAN `+credentialColumns+whereCredential, "x").Scan(&id, &parent, &none, &plan); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "second_factors_credential") {
		t.Error(plan)
	}
}

package source

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

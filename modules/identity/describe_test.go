package identity

import (
	"errors"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Who is described is who would sign in, and nobody is signed in by it.
func TestDescribe(t *testing.T) {
	lend(t)
	a := mustLoad(t, `{}`)
	plain, err := a.Describe(t.Context(), "Ursula", false)
	if err != nil || plain.Name != "ursula" || plain.Subject == "" || len(plain.Roles) != 1 || plain.Roles[0] != "user" || plain.ACR != reqctx.ACRSingle || !plain.MFATime.IsZero() || plain.Session != "" || plain.Created.IsZero() {
		t.Errorf("%+v %v", plain, err)
	}
	strong, err := a.DescribeID(t.Context(), plain.Subject, true)
	if err != nil || strong.Name != "ursula" || strong.ACR != reqctx.ACRMulti || strong.MFATime.IsZero() {
		t.Errorf("%+v %v", strong, err)
	}
	if id, err := a.Describe(t.Context(), "nobody", false); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("%+v %v", id, err)
	}
}

package protect

import (
	"fmt"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// owed tells what the policy's decision wants encrypted of this request (its obligation `encrypt`), and what nothing here encrypts on its route: fail closed. A
// request without a body brings nothing.
func owed(r *http.Request, rc *reqctx.Request, p *plan) *fault {
	if rc.Decision == nil || r.ContentLength == 0 {
		return nil
	}
	for _, name := range rc.Decision.Encrypt {
		path, err := jsonstream.ParsePath(name)
		if err == nil && (p.file.sealing(r.Method) || p.seal.Encrypts(path)) {
			continue
		}
		return &fault{http.StatusServiceUnavailable, wordUnavailable, fmt.Errorf("the policy wants %q encrypted, and this route has no record that says so", name)}
	}
	return nil
}

package protect

import (
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/classify"
)

// An operator who classified a field, and gave it no place, is told which, and where it is missing.
func TestWhatIsMissingIsNamed(t *testing.T) {
	secret := map[string]any{"secret": map[string]any{"encrypted": true}}
	text := map[string]any{"/text": "secret"}
	table, err := classify.New(map[string]any{"PUT /notes/{id}": map[string]any{"request": text, "response": text}, "GET /notes/{id}": map[string]any{"response": text}}, secret)
	if err != nil {
		t.Fatal(err)
	}
	const why = ` "/text" must be encrypted by its classification, and gw_protect has no record for it on this route`
	for method, want := range map[string]string{"PUT": "the request:" + why + "\nthe answer:" + why, "GET": "the answer:" + why} {
		p := compilePlan(nil, nil, table.Find(method, []string{"notes", "1"}))
		if p.missing == nil || strings.TrimSpace(p.missing.Error()) != want {
			t.Errorf("%s: %v, want %s", method, p.missing, want)
		}
	}
}

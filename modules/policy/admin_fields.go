package policy

import (
	"net/http"

	"github.com/convosphere/gateway/modules/internal/host"
)

// toldFields is the table of fields that is in force, pushed data included.
type toldFields struct {
	Revision        string `json:"revision"`
	From            string `json:"from"`
	Fields          any    `json:"fields"`
	Classifications any    `json:"classifications"`
}

func (a *App) serveFields(w http.ResponseWriter, _ *http.Request) error {
	s := a.engine.Snapshot()
	told := toldFields{Revision: s.Revision, From: a.keeper.State().From}
	for name, to := range map[string]*any{"fields": &told.Fields, "classifications": &told.Classifications} {
		if v, ok := s.Data().At([]string{name}); ok {
			*to = v.Plain()
		}
	}
	return host.AnswerJSON(w, told)
}

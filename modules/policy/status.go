package policy

import (
	"net/http"
	"time"
)

// status is what GET /gateway/policy answers.
type status struct {
	Revision    string    `json:"revision"`     // in force
	From        string    `json:"from"`         // "built in", a folder
	ActivatedAt time.Time `json:"activated_at"` // in this process
}

func (a *App) status() status {
	return status{Revision: a.engine.Revision(), From: a.from(), ActivatedAt: a.activated}
}

func (a *App) serveStatus(w http.ResponseWriter, _ *http.Request) error {
	return answerJSON(w, a.status())
}

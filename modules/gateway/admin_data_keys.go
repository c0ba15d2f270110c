package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/keyset"
)

const (
	mostDataKeyBody = 16 << 10
	dataKeyTime     = 30 * time.Second // of one request: destroying waits for readers of the database
)

// dataKeyJSON is a key set.
type dataKeyJSON struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    string     `json:"state"` // active, disabled or destroyed
	Versions int64      `json:"versions"`
	Master   string     `json:"master"`
	Created  time.Time  `json:"created"`
	Rotated  *time.Time `json:"rotated,omitempty"`
	Wrapped  *time.Time `json:"wrapped,omitempty"`
	Key      []byte     `json:"wrapped_key,omitempty"` // base64; of an export
}

func dataKeyOf(i keyset.Info) dataKeyJSON {
	j := dataKeyJSON{ID: i.ID, Name: i.Name, State: string(i.State), Versions: i.Versions, Master: i.Master, Created: i.Created}
	if !i.Rotated.IsZero() {
		j.Rotated = &i.Rotated
	}
	if i.State != keyset.Destroyed {
		j.Wrapped = &i.Wrapped
	}
	return j
}

// dataKeysJSON is a page of key sets.
type dataKeysJSON struct {
	Sets []dataKeyJSON `json:"sets"`
	Next *nextJSON     `json:"next,omitempty"`
}

// nextJSON are `after_name` and `after_id` of the next page.
type nextJSON struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// dataKeyRefJSON names a set by its name or id.
type dataKeyRefJSON struct {
	Set string `json:"set"`
}

// rewrapJSON is how far the job is.
type rewrapJSON struct {
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Done     int64      `json:"done"`
	Failed   int64      `json:"failed"`
	Total    int64      `json:"total"`
	Trouble  string     `json:"trouble,omitempty"`
}

func rewrapOf(p keyset.Progress) rewrapJSON {
	j := rewrapJSON{Done: p.Done, Failed: p.Failed, Total: p.Total, Trouble: p.Trouble}
	if !p.Started.IsZero() {
		j.Started = &p.Started
	}
	if !p.Finished.IsZero() {
		j.Finished = &p.Finished
	}
	return j
}

// serveDataKeys lists: ?prefix=&after_name=&after_id=&limit=
func (a *App) serveDataKeys(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), dataKeyTime)
	defer cancel()
	v, limit := r.URL.Query(), keyset.MostPage
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > keyset.MostPage {
			return host.BadRequest(fmt.Errorf("limit: write a number from 1 to %d", keyset.MostPage))
		}
		limit = n
	}
	all, err := a.ground.DataKeys.List(ctx, v.Get("prefix"), keyset.Cursor{Name: v.Get("after_name"), ID: v.Get("after_id")}, limit)
	if err != nil {
		return dataKeyError(err)
	}
	out := dataKeysJSON{Sets: make([]dataKeyJSON, len(all))}
	for i, set := range all {
		out.Sets[i] = dataKeyOf(set)
	}
	if len(all) == limit {
		last := all[limit-1]
		out.Next = &nextJSON{last.Name, last.ID}
	}
	return host.AnswerJSON(w, out)
}

// onDataKey serves an operation on the set that the body names.
func onDataKey(do func(*keyset.Sets, context.Context, string) (keyset.Info, error)) func(*App, http.ResponseWriter, *http.Request) error {
	return func(a *App, w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), dataKeyTime)
		defer cancel()
		var in dataKeyRefJSON
		if err := readJSON(w, r, mostDataKeyBody, &in); err != nil {
			return err
		}
		if in.Set == "" {
			return host.BadRequest(errors.New("set: name a key set, or its id"))
		}
		i, err := do(a.ground.DataKeys, ctx, in.Set)
		if err != nil {
			return dataKeyError(err)
		}
		return host.AnswerJSON(w, dataKeyOf(i))
	}
}

// serveDataKeyExport answers with a set as it is wrapped: ?set=
func (a *App) serveDataKeyExport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), dataKeyTime)
	defer cancel()
	e, err := a.ground.DataKeys.Export(ctx, r.URL.Query().Get("set"))
	if err != nil {
		return dataKeyError(err)
	}
	out := dataKeyOf(e.Info)
	out.Key = e.Key
	return host.AnswerJSON(w, out)
}

// serveRewrap begins to wrap all sets anew.
func (a *App) serveRewrap(w http.ResponseWriter, r *http.Request) error {
	return a.answerProgress(w, r, a.ground.DataKeys.Rewrap)
}

// serveProgress tells how far that is.
func (a *App) serveProgress(w http.ResponseWriter, r *http.Request) error {
	return a.answerProgress(w, r, a.ground.DataKeys.Progress)
}

func (a *App) answerProgress(w http.ResponseWriter, r *http.Request, ask func(context.Context) (keyset.Progress, error)) error {
	ctx, cancel := context.WithTimeout(r.Context(), dataKeyTime)
	defer cancel()
	p, err := ask(ctx)
	if err != nil {
		return dataKeyError(err)
	}
	return host.AnswerJSON(w, rewrapOf(p))
}

// dataKeyError is the answer to what the key sets say.
func dataKeyError(err error) error {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, keyset.ErrName):
		status = http.StatusBadRequest
	case errors.Is(err, keyset.ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, keyset.ErrExists), errors.Is(err, keyset.ErrAmbiguous), errors.Is(err, keyset.ErrDestroyed), errors.Is(err, keyset.ErrDisabled),
		errors.Is(err, keyset.ErrFull), errors.Is(err, keyset.ErrVersions):
		status = http.StatusConflict
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

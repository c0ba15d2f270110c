package http

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/convosphere/gateway/backend"
)

const (
	defaultPage = 50
	maxPage     = 100
)

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) error {
	limit, before, err := page(r)
	if err != nil {
		return err
	}
	found, next, err := s.store.Messages(r.Context(), r.PathValue("room"), before, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Messages []backend.Message `json:"messages"`
		Next     string            `json:"next,omitempty"`
	}{found, next})
}

// page reads ?limit&before.
func page(r *http.Request) (limit int, before string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return 0, "", &problem{http.StatusBadRequest, "bad-request", "The query can't be read"}
	}
	limit = defaultPage
	if q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > maxPage {
			return 0, "", &backend.Error{Code: backend.Invalid, Title: "The limit must be a number from 1 to " + strconv.Itoa(maxPage)}
		}
	}
	before = q.Get("before")
	if before != "" && !backend.IsID(before) {
		return 0, "", &backend.Error{Code: backend.Invalid, Title: "The cursor is not one of ours"}
	}
	return limit, before, nil
}

func (s *Server) createMessage(w http.ResponseWriter, r *http.Request) error {
	author, err := user(r)
	if err != nil {
		return err
	}
	var in struct {
		ID   string `json:"id"` // the gateway's: clients give none that comes through it
		Text string `json:"text"`
		File string `json:"file"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	m, err := s.say(r.Context(), in.ID, r.PathValue("room"), author, in.Text, in.File)
	if err != nil {
		return err
	}
	s.hub.room(m.Room, messageEvent(m), nil)
	return writeJSON(w, http.StatusCreated, m)
}

// say stores a message; when it returns the message is on the disk.
func (s *Server) say(ctx context.Context, id, room, author, text, file string) (*backend.Message, error) {
	m, err := backend.NewMessage(id, room, author, text, file, s.now())
	if err != nil {
		return nil, err
	}
	return m, s.store.CreateMessage(ctx, m)
}

func (s *Server) deleteMessage(w http.ResponseWriter, r *http.Request) error {
	room, id := r.PathValue("room"), r.PathValue("id")
	if err := s.store.DeleteMessage(r.Context(), room, id); err != nil {
		return err
	}
	s.hub.room(room, deletedEvent(room, id), nil)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

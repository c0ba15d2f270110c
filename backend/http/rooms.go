package http

import (
	"net/http"

	"github.com/convosphere/gateway/backend"
)

// listRooms gives all rooms: the gateway takes out what the reader may not see.
func (s *Server) listRooms(w http.ResponseWriter, r *http.Request) error {
	rooms, err := s.store.Rooms(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Rooms []backend.Room `json:"rooms"`
	}{rooms})
}

func (s *Server) createRoom(w http.ResponseWriter, r *http.Request) error {
	by, err := user(r)
	if err != nil {
		return err
	}
	var in struct {
		Name       string             `json:"name"`
		Visibility backend.Visibility `json:"visibility"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	room, err := backend.NewRoom(in.Name, in.Visibility, by, s.now())
	if err != nil {
		return err
	}
	if err := s.store.CreateRoom(r.Context(), room); err != nil {
		return err
	}
	if room.Visibility == backend.Public {
		s.hub.all(roomsChanged)
	} else {
		s.hub.user(by, roomsChanged)
	}
	return writeJSON(w, http.StatusCreated, room)
}

func (s *Server) getRoom(w http.ResponseWriter, r *http.Request) error {
	room, err := s.store.Room(r.Context(), r.PathValue("room"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, room)
}

func (s *Server) addMember(w http.ResponseWriter, r *http.Request) error {
	room, name, err := member(r)
	if err != nil {
		return err
	}
	if err := s.store.AddMember(r.Context(), room, name); err != nil {
		return err
	}
	s.hub.user(name, roomsChanged)
	s.hub.room(room, membersEvent(room), nil)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request) error {
	room, name, err := member(r)
	if err != nil {
		return err
	}
	if err := s.store.RemoveMember(r.Context(), room, name); err != nil {
		return err
	}
	s.hub.evict(room, name)
	s.hub.user(name, roomsChanged)
	s.hub.room(room, membersEvent(room), nil)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func member(r *http.Request) (room, name string, err error) {
	name, err = backend.UserName(r.PathValue("user"))
	return r.PathValue("room"), name, err
}

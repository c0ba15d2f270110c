package http

import (
	"context"
	"sync"

	"github.com/coder/websocket"
)

const maxJoined = 100 // rooms a socket may listen to at once

// hub knows which sockets are open and what they listen to.
type hub struct {
	mu      sync.Mutex
	closed  bool
	sockets map[*socket]struct{}
	rooms   map[string]map[*socket]struct{}
	running sync.WaitGroup
}

func newHub() *hub {
	return &hub{sockets: map[*socket]struct{}{}, rooms: map[string]map[*socket]struct{}{}}
}

// add takes in a socket that remove must end; false once the hub is closed.
func (h *hub) add(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.sockets[s] = struct{}{}
	h.running.Add(1)
	return true
}

func (h *hub) remove(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for room := range s.joined {
		h.drop(room, s)
	}
	delete(h.sockets, s)
	h.running.Done()
}

// join is false where the socket listens to as many rooms as it may.
func (h *hub) join(room string, s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, already := s.joined[room]; !already && len(s.joined) >= maxJoined {
		return false
	}
	if h.rooms[room] == nil {
		h.rooms[room] = map[*socket]struct{}{}
	}
	h.rooms[room][s] = struct{}{}
	s.joined[room] = struct{}{}
	return true
}

func (h *hub) leave(room string, s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(room, s)
}

// evict takes the user's sockets out of the room that they are no longer a member of.
func (h *hub) evict(room, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.rooms[room] {
		if s.name == name {
			h.drop(room, s)
			s.push(leftEvent(room))
		}
	}
}

// drop is called with mu held.
func (h *hub) drop(room string, s *socket) {
	delete(s.joined, room)
	delete(h.rooms[room], s)
	if len(h.rooms[room]) == 0 {
		delete(h.rooms, room)
	}
}

// room sends to those who listen to the room, without those that skip (which may be nil) picks.
func (h *hub) room(room string, event []byte, skip func(*socket) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.rooms[room] {
		if skip == nil || !skip(s) {
			s.push(event)
		}
	}
}

func (h *hub) user(name string, event []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sockets {
		if s.name == name {
			s.push(event)
		}
	}
}

func (h *hub) all(event []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sockets {
		s.push(event)
	}
}

// close ends every socket, cutting those that are still there when ctx ends.
func (h *hub) close(ctx context.Context) {
	h.mu.Lock()
	h.closed = true
	for s := range h.sockets {
		s.end(websocket.StatusGoingAway, "the chat is going down")
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() { h.running.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	h.mu.Lock()
	for s := range h.sockets {
		s.cut()
	}
	h.mu.Unlock()
	<-done
}

package http

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/backend/sqlite"
)

// Server is the chat's http.Handler.
type Server struct {
	store    *sqlite.Store
	verifier *Verifier
	hub      *hub
	log      *slog.Logger
	now      func() time.Time
	mux      *http.ServeMux
}

// New makes the handler. End its sockets with CloseSockets before the store is closed.
func New(store *sqlite.Store, v *Verifier, log *slog.Logger, now func() time.Time) *Server {
	s := &Server{store: store, verifier: v, hub: newHub(), log: log, now: now, mux: http.NewServeMux()}
	s.handle("/api/rooms", methods{"GET": s.listRooms, "POST": s.createRoom})
	s.handle("/api/rooms/{room}", methods{"GET": s.getRoom})
	s.handle("/api/rooms/{room}/members/{user}", methods{"PUT": s.addMember, "DELETE": s.removeMember})
	s.handle("/api/rooms/{room}/messages", methods{"GET": s.listMessages, "POST": s.createMessage})
	s.handle("/api/rooms/{room}/messages/{id}", methods{"DELETE": s.deleteMessage})
	s.handle("/api/rooms/{room}/files", methods{"POST": s.createFile})
	s.handle("/api/files/{id}", methods{"GET": s.getFile})
	s.handle("/api/ws", methods{"GET": s.serveSocket})
	for path, serve := range pages() {
		s.handle(path, methods{"GET": serve})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &problem{http.StatusNotFound, "not-found", "There is nothing here"})
	})
	return s
}

type (
	handlerFunc func(w http.ResponseWriter, r *http.Request) error
	methods     map[string]handlerFunc
)

// handle serves one path. HEAD is GET; every other method is 405.
func (s *Server) handle(path string, m methods) {
	allowed := slices.Sorted(maps.Keys(m))
	if m["GET"] != nil {
		m["HEAD"] = m["GET"]
		allowed = append(allowed, "HEAD")
	}
	allow := strings.Join(allowed, ", ")
	s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		serve := m[r.Method]
		if serve == nil {
			w.Header().Set("Allow", allow)
			s.fail(w, r, &problem{http.StatusMethodNotAllowed, "method-not-allowed", "This can't be done here"})
			return
		}
		if err := serve(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// ServeHTTP lets in what carries a good assertion. Fails closed: no keys, no answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == "/healthz" && r.Method == http.MethodGet {
		s.health(w, r)
		return
	}
	var raw string
	if sent := r.Header.Values(assertionHeader); len(sent) == 1 { // two would be someone's trick
		raw = sent[0]
	}
	caller, err := s.verifier.Verify(r.Context(), raw)
	if errors.Is(err, ErrNoKeys) {
		w.Header().Set("Retry-After", "1")
		s.fail(w, r, &problem{http.StatusServiceUnavailable, "unavailable", "The chat is starting"})
		return
	}
	if err != nil {
		s.fail(w, r, errUnauthenticated)
		return
	}
	s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
}

var errUnauthenticated = &problem{http.StatusUnauthorized, "unauthenticated", "This needs the gateway's word on who is asking"}

type callerKey struct{}

// user names who is asking; nobody, where the gateway let someone through who is not signed in, can't write.
func user(r *http.Request) (string, error) {
	c, _ := r.Context().Value(callerKey{}).(Caller)
	if c.Name == "" {
		return "", errUnauthenticated
	}
	return c.Name, nil
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if err := s.store.Ping(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the client has gone: nobody is left to tell
}

// CloseSockets ends all sockets with 1001 and refuses new ones. It returns when they have ended, or when ctx has, which cuts them.
func (s *Server) CloseSockets(ctx context.Context) { s.hub.close(ctx) }

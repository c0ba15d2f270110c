package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// Why there is no room.
var (
	ErrFull   = errors.New("the files that are looked at take all the room there is for them")
	ErrShare  = errors.New("the files of this client take all the room there is for one")
	ErrNoDisk = errors.New("the disk is too full")
)

// Options of a store.
type Options struct {
	Dir   string // made with mode 0700
	Quota int64  // bytes of disk for all files; default 4 GiB
	Free  int64  // bytes of the disk that stay free; default 512 MiB
}

// DefaultQuota is where none is given.
const DefaultQuota = 4 << 30

// step is in how large pieces room is taken.
const step = 1 << 20

// Holds tells whether one client's file of so many bytes can ever have room in a store with that quota.
func Holds(quota, size int64) bool {
	if size <= Chunk {
		return true
	}
	return (Offset((size-1)/Chunk)+step-1)/step*step <= max(quota/2, step) // the last chunk is never on disk
}

// Store is where files are kept. It is safe for use by many.
type Store struct {
	o Options

	mu      sync.Mutex
	used    int64
	clients map[string]int64 // those with files on disk
}

// Open makes the folder.
func Open(o Options) (*Store, error) {
	if o.Quota == 0 {
		o.Quota = DefaultQuota
	}
	if o.Free == 0 {
		o.Free = 512 << 20
	}
	if err := owner.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of uploads: %w", err)
	}
	return &Store{o: o, clients: map[string]int64{}}, nil
}

// Used is how many bytes of disk are taken.
func (s *Store) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// New begins a file of that client. Close it.
func (s *Store) New(client string) (*File, error) {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	box, err := NewBox(key)
	if err != nil {
		return nil, err
	}
	return &File{store: s, client: client, box: box, cached: -1}, nil
}

// take takes one more step of room.
func (s *Store) take(client string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.used+step > s.o.Quota:
		return ErrFull
	case s.clients[client]+step > max(s.o.Quota/2, step):
		return ErrShare
	}
	free, err := free(s.o.Dir)
	if err != nil {
		return err
	}
	if free < s.o.Free+step {
		return ErrNoDisk
	}
	s.used += step
	s.clients[client] += step
	return nil
}

func (s *Store) giveBack(client string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	if s.clients[client] -= n; s.clients[client] <= 0 {
		delete(s.clients, client)
	}
}

// free is how many bytes of the folder's disk are free.
func free(dir string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("looking how full the disk is: %w", err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

// nameless makes a file that nobody else can open.
func (s *Store) nameless() (*os.File, error) {
	f, err := os.CreateTemp(s.o.Dir, "upload-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("making a file for an upload: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

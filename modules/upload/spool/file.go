package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// File is written once, from its beginning to its end, and then read, at any places, by many.
type File struct {
	store  *Store
	client string
	box    Box

	mu     sync.Mutex
	disk   *os.File // nil: all is in tail
	room   int64    // taken from the store
	full   int64    // chunks on disk
	tail   []byte   // the last chunk, which is never on disk
	sealed []byte   // where a chunk is encrypted
	plain  []byte   // the chunk of number cached
	cached int64    // -1: none
	closed bool
}

// Write appends. Errors: ErrFull, ErrShare, ErrNoDisk, and those of the disk.
func (f *File) Write(p []byte) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	for len(p) > 0 {
		if len(f.tail) == Chunk {
			if err := f.flush(); err != nil {
				return n, err
			}
		}
		k := min(len(p), Chunk-len(f.tail))
		f.tail = append(f.tail, p[:k]...)
		p, n = p[k:], n+k
	}
	return n, nil
}

// flush writes the last chunk to disk.
func (f *File) flush() error {
	end := Offset(f.full + 1)
	if end > f.room {
		if err := f.store.take(f.client); err != nil {
			return err
		}
		f.room += step
	}
	if f.disk == nil {
		disk, err := f.store.nameless()
		if err != nil {
			return err
		}
		f.disk, f.sealed = disk, make([]byte, 0, Chunk+overhead)
	}
	f.sealed = f.box.Seal(f.sealed[:0], f.full, f.tail)
	if _, err := f.disk.WriteAt(f.sealed, Offset(f.full)); err != nil {
		return fmt.Errorf("writing an upload: %w", err)
	}
	f.full++
	f.tail = f.tail[:0]
	return nil
}

// Size is how many bytes were written.
func (f *File) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size()
}

func (f *File) size() int64 { return f.full*Chunk + int64(len(f.tail)) }

// ReadAt implements io.ReaderAt. A file that was closed gives os.ErrClosed: whoever reads on after a request has ended gets nothing of another's.
func (f *File) ReadAt(p []byte, at int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	if at < 0 {
		return 0, errors.New("reading an upload before its beginning")
	}
	for n < len(p) {
		if at >= f.size() {
			return n, io.EOF
		}
		chunk, err := f.chunk(at / Chunk)
		if err != nil {
			return n, err
		}
		k := copy(p[n:], chunk[at%Chunk:])
		n, at = n+k, at+int64(k)
	}
	return n, nil
}

// chunk is the one of that number, until the next call.
func (f *File) chunk(index int64) ([]byte, error) {
	if index == f.full {
		return f.tail, nil
	}
	if index == f.cached {
		return f.plain, nil
	}
	f.cached = -1
	f.sealed = f.sealed[:Chunk+overhead]
	if _, err := f.disk.ReadAt(f.sealed, Offset(index)); err != nil {
		return nil, fmt.Errorf("reading an upload: %w", err)
	}
	if f.plain == nil {
		f.plain = make([]byte, 0, Chunk)
	}
	plain, err := f.box.Open(f.plain[:0], index, f.sealed)
	if err != nil {
		return nil, err
	}
	f.plain, f.cached = plain, index
	return plain, nil
}

// Close gives back what the file takes.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	f.tail, f.sealed, f.plain = nil, nil, nil
	f.store.giveBack(f.client, f.room)
	if f.disk == nil {
		return nil
	}
	return f.disk.Close()
}

package ship

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/DeRuina/timberjack"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// File writes events to a file, one a line, which is rotated at 100 MiB; 20 are kept, for 90 days.
type File struct{ to *timberjack.Logger }

// NewFile makes the file's folder. A file that can't be written is an error now.
func NewFile(path string) (*File, error) {
	if err := owner.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder: %w", err)
	}
	f, err := owner.Append(path)
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	return &File{&timberjack.Logger{Filename: path, MaxSize: 100, MaxBackups: 20, MaxAge: 90, FileMode: 0o600}}, nil
}

// Send implements Sender.
func (f *File) Send(_ context.Context, batch []Message) error {
	var buf []byte
	for _, m := range batch {
		buf = append(append(buf, m.Body...), '\n')
	}
	if _, err := f.to.Write(buf); err != nil {
		return fmt.Errorf("writing the file: %w", err)
	}
	return nil
}

// Close implements Sender.
func (f *File) Close() error { return f.to.Close() }

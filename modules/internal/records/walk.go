package records

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Walk opens the files, and those of the folders, one after the other, and has read read each. What is odd but no reason to stop is said to warn: a
// folder without files, and a file that ends within a record, as one does that is being written.
func Walk(paths []string, warn io.Writer, read func(io.Reader) error) error {
	for _, path := range paths {
		names, err := Files(path)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			fmt.Fprintf(warn, "warning: %s holds no captures\n", path)
		}
		for _, name := range names {
			err := readFile(name, read)
			if errors.Is(err, ErrTorn) {
				fmt.Fprintf(warn, "warning: %s: %v\n", name, err)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func readFile(name string, read func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

package backup

import (
	"errors"
	"syscall"
)

// isFull tells whether an error is of a disk, or a quota of it, that is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

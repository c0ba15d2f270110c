package ship

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment is a file of records: the length and the CRC-32C of what follows, four bytes each, big-endian, and the event's line. Its name is its number.
const (
	headLen   = 8
	maxRecord = 1 << 20
	suffix    = ".spool"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type segment struct {
	number uint64
	size   int64
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x", number)+suffix)
}

// appendRecord adds a line as a record.
func appendRecord(to, line []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(line)))
	to = binary.BigEndian.AppendUint32(to, crc32.Checksum(line, castagnoli))
	return append(to, line...)
}

// firstRecord is the line that raw begins with, and how long its record is. Where raw is too short for it, n is 0; where it is no record, ok is false.
func firstRecord(raw []byte) (line []byte, n int, ok bool) {
	if len(raw) < headLen {
		return nil, 0, true
	}
	size := binary.BigEndian.Uint32(raw)
	if size == 0 || size > maxRecord {
		return nil, 0, false
	}
	n = headLen + int(size)
	if len(raw) < n {
		return nil, 0, true
	}
	line = raw[headLen:n]
	return line, n, crc32.Checksum(line, castagnoli) == binary.BigEndian.Uint32(raw[4:])
}

// wholeLen is how much of a segment's file are whole records.
func wholeLen(path string) (int64, error) {
	raw, err := os.ReadFile(path) // a segment has at most 16 MiB
	if err != nil {
		return 0, fmt.Errorf("reading the spool: %w", err)
	}
	at := 0
	for {
		_, n, ok := firstRecord(raw[at:])
		if !ok || n == 0 {
			return int64(at), nil
		}
		at += n
	}
}

// listSegments finds the segments of a folder, the oldest first.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	var all []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		number, err := strconv.ParseUint(name, 16, 64)
		if !ok || err != nil || len(name) != 16 {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("reading the spool: %w", err)
		}
		all = append(all, segment{number, info.Size()})
	}
	slices.SortFunc(all, func(a, b segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return all, nil
}

package correlate

import (
	"strconv"
	"strings"
	"sync"
)

const (
	maxPrefixes = 1 << 16
	numberBits  = 48
	whole       = 1<<numberBits - 1 // the text is the whole id
)

// refs keeps ids of events in eight bytes each: those of one bus differ by a number behind a text. The texts are kept once, and as long as all;
// when there are too many, ids stay unknown (0) and findings name fewer events.
type refs struct {
	mu    sync.Mutex
	texts []string
	index map[string]uint64
}

func (r *refs) put(id string) uint64 {
	text, number := id, uint64(whole)
	if i := strings.LastIndexByte(id, '-'); i >= 0 {
		if n, ok := base36(id[i+1:]); ok {
			text, number = id[:i+1], n
		}
	}
	if id == "" || len(text) > 128 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.index[text]
	if !ok {
		if len(r.texts) >= maxPrefixes-1 {
			return 0
		}
		if r.index == nil {
			r.index = map[string]uint64{}
		}
		text = strings.Clone(text) // the rest of the event's line goes
		r.texts = append(r.texts, text)
		i = uint64(len(r.texts))
		r.index[text] = i
	}
	return i<<numberBits | number
}

// base36 reads a number as strconv writes it, and nothing else.
func base36(s string) (n uint64, ok bool) {
	if len(s) == 0 || len(s) > 9 || s[0] == '0' && len(s) > 1 { // nine digits are less than whole
		return 0, false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			n = n*36 + uint64(c-'0')
		case c >= 'a' && c <= 'z':
			n = n*36 + uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// get gives the id, "" where it is not known.
func (r *refs) get(ref uint64) string {
	if ref == 0 {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := ref>>numberBits - 1
	if i >= uint64(len(r.texts)) { // also of no text
		return ""
	}
	text := r.texts[i]
	if n := ref & whole; n != whole {
		return text + strconv.FormatUint(n, 36)
	}
	return text
}

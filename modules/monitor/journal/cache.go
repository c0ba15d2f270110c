package journal

import (
	"container/list"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
)

// cache holds what was read of segments last, up to so many bytes.
type cache struct {
	mu    sync.Mutex
	most  int
	bytes int
	now   func() time.Time
	order list.List // *cached, the last used first
	by    map[cacheKey]*list.Element
}

type cacheKey struct {
	first uint64
	name  string
}

type cached struct {
	key   cacheKey
	value any
	size  int
	used  time.Time
}

func newCache(most int, now func() time.Time) *cache {
	return &cache{most: most, now: now, by: map[cacheKey]*list.Element{}}
}

func (c *cache) get(k cacheKey) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[k]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	one := e.Value.(*cached)
	one.used = c.now()
	return one.value
}

func (c *cache) put(k cacheKey, value any, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.by[k]; ok || size > c.most/4 {
		return
	}
	c.by[k] = c.order.PushFront(&cached{k, value, size, c.now()})
	for c.bytes += size; c.bytes > c.most; {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	one := c.order.Remove(e).(*cached)
	delete(c.by, one.key)
	c.bytes -= one.size
}

// idle lets go of what nobody asked for since then.
func (c *cache) idle(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Back(); e != nil && e.Value.(*cached).used.Before(since); e = c.order.Back() {
		c.drop(e)
	}
}

func (c *cache) held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// stored is a segment as questions go over it. One goroutine has it.
type stored struct {
	*segment
	cache *cache
	keys  event.Sealer
	file  *os.File // once something was read of it
}

func (s *stored) open() error {
	if s.file != nil {
		return nil
	}
	f, err := os.Open(s.path)
	s.file = f
	return err
}

func (s *stored) close() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
		s.file = nil
	}
}

func (s *stored) first() uint64                { return s.First }
func (s *stored) rows() int                    { return s.Rows }
func (s *stored) span() (oldest, newest int64) { return s.Oldest, s.Newest }

// load gives a section, decoded: the one that is in memory, if it is.
func load[T any](s *stored, name string, decode func([]byte, int) (T, error), size func(T) int) (T, error) {
	k := cacheKey{s.First, name}
	if v, ok := s.cache.get(k).(T); ok {
		return v, nil
	}
	var none T
	if err := s.open(); err != nil {
		return none, err
	}
	raw, err := s.section(s.file, name, s.keys)
	if err != nil {
		return none, err
	}
	v, err := decode(raw, s.Rows)
	if err == nil {
		s.cache.put(k, v, size(v))
	}
	return v, err
}

func (s *stored) column(f Field) (*column, error) {
	return load(s, "field "+f.String(), decodeColumn, (*column).size)
}

func (s *stored) times() ([]int64, error) {
	return load(s, sectionTimes, decodeTimes, func(t []int64) int { return 8 * len(t) })
}

func (s *stored) marks(which string) ([]uint32, error) {
	return load(s, which, decodeMarks, func(m []uint32) int { return 4 * len(m) })
}

func (s *stored) grams() (*grams, error) {
	return load(s, sectionGrams, func(raw []byte, _ int) (*grams, error) { return decodeGrams(raw) }, func(*grams) int { return gramBits / 8 })
}

func (s *stored) block(n int) ([]byte, error) {
	if n >= len(s.Blocks) {
		return nil, errDamaged
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	packed, err := s.read(s.file, s.Blocks[n], fmt.Sprint(n), s.keys)
	if err != nil {
		return nil, err
	}
	return unpack(packed, mostBlock)
}

package store

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestStep(t *testing.T) {
	m := NewMemory(0)
	now := time.Now()
	m.now = func() time.Time { return now }
	count := func(keys ...string) {
		m.Step(keys, func(values [][]byte) []Value {
			next := make([]Value, len(values))
			for i, v := range values {
				n, _ := strconv.Atoi(string(v)) // nil is 0
				next[i] = Value{strconv.AppendInt(nil, int64(n+1), 10), time.Minute}
			}
			return next
		})
	}
	read := func(key string) (s string) {
		m.Step([]string{key}, func(values [][]byte) []Value {
			s = string(values[0])
			return nil
		})
		return s
	}
	var wg sync.WaitGroup
	for i := range 50 { // in both orders, and with a key twice in one shard: nobody waits for ever
		wg.Go(func() {
			keys := []string{"a", "b", fmt.Sprint(i)}
			if i%2 == 0 {
				keys[0], keys[1] = keys[1], keys[0]
			}
			count(keys...)
		})
	}
	wg.Wait()
	if read("a") != "50" || read("b") != "50" || read("7") != "1" {
		t.Error(read("a"), read("b"), read("7"))
	}
	m.Step([]string{"a"}, func([][]byte) []Value { return []Value{{}} })
	if read("a") != "" {
		t.Error("a removed value is there:", read("a"))
	}
	now = now.Add(time.Minute)
	if read("b") != "" {
		t.Error("an expired value is there:", read("b"))
	}
}

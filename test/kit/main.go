package kit

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// T is what the kit needs of a test. *testing.T and *testing.B are one; Main makes one for what the tests of a
// package share.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	TempDir() string
}

// Main runs setup, the tests of the package, and then what setup gave to Cleanup, and ends the process. Use
// it as the whole of TestMain:
//
//	func TestMain(m *testing.M) { kit.Main(m, func(t kit.T) { shared = start(t) }) }
func Main(m *testing.M, setup func(t T)) {
	t := &Suite{name: "TestMain"}
	code := 1
	func() {
		defer t.Close()
		t.Run(func() {
			setup(t)
			code = m.Run()
			t.mu.Lock()
			t.failed = t.failed || code != 0 // so that cleanups show the logs
			t.mu.Unlock()
		})
	}()
	if t.Failed() && code == 0 {
		code = 1
	}
	os.Exit(code)
}

// Suite is a T outside of a test: for TestMain and for programs.
type Suite struct {
	mu       sync.Mutex
	name     string
	failed   bool
	cleanups []func()
}

// NewSuite returns a T for a program of this name. Close it.
func NewSuite(name string) *Suite { return &Suite{name: name} }

type fatal struct{}

// Run calls f, and returns false where f ended by Fatalf.
func (s *Suite) Run(f func()) (ok bool) {
	defer func() {
		if e := recover(); e != nil {
			if _, is := e.(fatal); !is {
				s.Close()
				panic(e)
			}
		}
	}()
	f()
	return true
}

// Close runs the cleanups, last first.
func (s *Suite) Close() {
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.mu.Unlock()
			return
		}
		f := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		s.Run(f)
	}
}

// Helper does nothing: lines of a Suite carry no position.
func (s *Suite) Helper() {}

// Name returns the suite's name.
func (s *Suite) Name() string { return s.name }

// Logf writes a line to the standard error.
func (s *Suite) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, s.name+": "+format+"\n", args...)
}

// Errorf writes the line and marks the suite as failed.
func (s *Suite) Errorf(format string, args ...any) {
	s.mu.Lock()
	s.failed = true
	s.mu.Unlock()
	s.Logf(format, args...)
}

// Fatalf is Errorf, and ends what Run runs.
func (s *Suite) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(fatal{})
}

// Failed tells whether Errorf or Fatalf was called, or a test failed.
func (s *Suite) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Cleanup has f called by Close.
func (s *Suite) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

// TempDir makes a folder that Close removes.
func (s *Suite) TempDir() string {
	dir, err := os.MkdirTemp("", "convosphere-"+s.name+"-")
	if err != nil {
		s.Fatalf("making a folder: %v", err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

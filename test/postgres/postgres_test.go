package postgres

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is also the program that TestEndsWithItsStarter kills.
func TestMain(m *testing.M) {
	if os.Getenv("GW_TEST_ORPHAN") == "" {
		os.Exit(m.Run())
	}
	s, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.URL("postgres"))
	select {}
}

func TestCopiesDatabases(t *testing.T) {
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Create("a", ""), s.Create("b", "a"), s.Drop("a"), s.Drop("b"), s.Stop()} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A server ends with the process that started it, also when that is killed, and leaves nothing.
func TestEndsWithItsStarter(t *testing.T) {
	tmp, err := os.MkdirTemp("/tmp", "postgres-test-") // not below t.TempDir, which another user may not enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GW_TEST_ORPHAN=1", "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", u.Host)
		if err == nil {
			c.Close()
		}
		left, _ := filepath.Glob(filepath.Join(tmp, "*"))
		if err != nil && len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("outlived: %v, left %v", err, left)
		}
	}
}

// Package clamav starts a real clamd for tests: on a free loopback port and a socket, with one signature of its own, gone with the tests.
package clamav

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Signature is the name by which the server finds EICAR.
const Signature = "Test.EICAR.UNOFFICIAL"

// EICAR is the test file of eicar.org, which every scanner finds and which harms nobody. It is put together here, so that this program is no find.
func EICAR() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-` + `ANTIVIRUS-TEST-FILE!$H+H*`)
}

// Server is a running clamd. Stop it.
type Server struct {
	TCP  string // tcp://127.0.0.1:PORT
	Unix string // unix:///…

	dir    string
	cmd    *exec.Cmd
	stdin  io.Closer
	log    *bytes.Buffer // read after the process has ended
	exited chan error
}

// supervise runs the server until its own standard input ends, which it does with the process that started it: no server outlives a killed test.
const supervise = `dir=$1; shift; "$@" & server=$!; (read -r _; kill -KILL $server 2>/dev/null) <&3 & wait $server; rm -rf "$dir"`

const program = "/usr/sbin/clamd"

// Start starts a server with these lines (as "StreamMaxLength 1M") added to its configuration.
func Start(settings ...string) (*Server, error) { return start(0, settings) }

// Again starts another server at the addresses of one that was stopped.
func (s *Server) Again(settings ...string) (*Server, error) {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.TCP, "tcp://"))
	if err != nil {
		return nil, err
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, err
	}
	return start(n, settings)
}

func start(port int, settings []string) (*Server, error) {
	if _, err := os.Stat(program); err != nil {
		return nil, errors.New("clamd is missing, and these tests do not skip: run `make deps` as root, or apt-get install clamav-daemon")
	}
	dir, err := os.MkdirTemp("", "gateway-clamd-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, log: new(bytes.Buffer), exited: make(chan error, 1)}
	if err := s.run(port, settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.ready(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) run(port int, settings []string) error {
	if port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		port = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return err
		}
	}
	socket := filepath.Join(s.dir, "clamd.sock")
	s.TCP, s.Unix = fmt.Sprintf("tcp://127.0.0.1:%d", port), "unix://"+socket
	signatures := filepath.Join(s.dir, "signatures")
	// The signature is at any place of any file, so that also what is unpacked is found.
	line := "Test.EICAR:0:*:" + hex.EncodeToString(EICAR()) + "\n"
	config := strings.Join(append([]string{
		"Foreground yes", "DatabaseDirectory " + signatures, "LocalSocket " + socket, "FixStaleSocket yes", "TCPAddr 127.0.0.1", fmt.Sprintf("TCPSocket %d", port),
		"TemporaryDirectory " + s.dir, "MaxThreads 4", "SelfCheck 3600", "ConcurrentDatabaseReload no",
	}, settings...), "\n") + "\n"
	path := filepath.Join(s.dir, "clamd.conf")
	if err := errors.Join(os.Mkdir(signatures, 0o755), os.WriteFile(filepath.Join(signatures, "test.ndb"), []byte(line), 0o600), os.WriteFile(path, []byte(config), 0o600)); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	s.cmd = exec.Command("/bin/sh", "-c", supervise, "sh", s.dir, program, "--config-file="+path)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.ExtraFiles = s.log, s.log, []*os.File{read}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is the tests' to handle
	s.cmd.WaitDelay = time.Second                           // the one who waits for our end has its output open
	if err := s.cmd.Start(); err != nil {
		return errors.Join(err, write.Close())
	}
	s.stdin = write
	go func() { s.exited <- s.cmd.Wait() }()
	return nil
}

// ready waits until the server answers.
func (s *Server) ready() error {
	for try := 0; try < 600; try++ {
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("clamd ended at its start: %w: %s", err, s.log)
		case <-time.After(50 * time.Millisecond):
		}
		if ping("tcp", strings.TrimPrefix(s.TCP, "tcp://")) && ping("unix", strings.TrimPrefix(s.Unix, "unix://")) {
			return nil
		}
	}
	return errors.New("clamd did not answer")
}

func ping(network, address string) bool {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	if _, err := io.WriteString(c, "zPING\x00"); err != nil {
		return false
	}
	answer, err := io.ReadAll(io.LimitReader(c, 16))
	return err == nil && string(answer) == "PONG\x00"
}

// Stop ends the server and removes what it left.
func (s *Server) Stop() error {
	if s.stdin == nil {
		return nil
	}
	err := s.stdin.Close()
	s.stdin = nil
	<-s.exited // it was killed: how it ended tells nothing
	return errors.Join(err, os.RemoveAll(s.dir))
}

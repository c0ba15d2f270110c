// Package postgres starts a real PostgreSQL for tests: on a free loopback port, in a folder of its own, gone with the tests.
package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// Server is a running PostgreSQL. Stop it.
type Server struct {
	Password string // is in every URL, so that tests see it leak; the server asks for none

	port   int
	socket string // the folder of its unix socket, where TCP asks for TLS
	cmd    *exec.Cmd
	stdin  io.Closer
	log    *bytes.Buffer // read after the process has ended
	admin  *sql.DB
}

// supervise runs the server until its own standard input ends, which it does with the process that started it, however that ended:
// so no server outlives a killed test. Its folder goes with it.
const supervise = `dir=$1; shift; "$@" & server=$!; read -r _; kill -INT $server; wait $server; rm -rf "$dir"`

// settings make it fast where nothing must survive, and as strict as any: names sort as people sort them, as they do where PostgreSQL was
// installed with a language.
var (
	initFlags = []string{"-U", "gateway", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"}
	runFlags  = []string{
		"-F", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "autovacuum=off",
	}
)

// Start starts a server with these settings (as "work_mem=64MB") added.
func Start(settings ...string) (*Server, error) { return start(nil, settings) }

func start(over *TLS, settings []string) (*Server, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return nil, errors.New("PostgreSQL is missing, and these tests do not skip: run `make deps` as root, or apt-get install postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "gateway-postgres-")
	if err != nil {
		return nil, err
	}
	attr, err := owner(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &Server{Password: "pg-" + strings.ToLower(rand.Text()), log: new(bytes.Buffer)}
	if s.port, err = freePort(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	data := filepath.Join(dir, "data")
	initdb := command(dir, attr, filepath.Join(bin, "initdb"), slices.Concat([]string{"-D", data}, initFlags)...)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	if over != nil {
		if err := over.install(data, attr); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		s.socket, settings = dir, slices.Concat(over.settings(), settings)
	}
	args := slices.Concat([]string{"-c", supervise, "sh", dir, filepath.Join(bin, "postgres"),
		"-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", dir}, runFlags)
	for _, one := range settings {
		args = append(args, "-c", one)
	}
	s.cmd = command("/", attr, "/bin/sh", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, s.wait()
}

// owner gives the folder to who is to run the server: PostgreSQL refuses to run as root, and its package has made it a user.
func owner(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true} // its own group: a Ctrl-C at the terminal reaches the tests alone, which then end it
	if os.Getuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}

func command(dir string, attr *syscall.SysProcAttr, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = dir, attr, []string{"LC_ALL=C.UTF-8", "TZ=UTC", "PATH=/usr/bin:/bin"}
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// wait waits for the first answer.
func (s *Server) wait() error {
	var err error
	admin := s.URL("postgres")
	if s.socket != "" {
		admin = fmt.Sprintf("postgres://gateway@/postgres?host=%s&port=%d", s.socket, s.port)
	}
	if s.admin, err = sql.Open("pgx", admin); err != nil {
		return errors.Join(err, s.Stop())
	}
	s.admin.SetMaxIdleConns(1)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = s.admin.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			stopped := s.Stop()
			return errors.Join(fmt.Errorf("PostgreSQL does not answer: %w: %s", err, s.log), stopped)
		}
	}
}

// URL names one of its databases.
func (s *Server) URL(database string) string {
	if s.socket != "" {
		return fmt.Sprintf("postgres://gateway:%s@127.0.0.1:%d/%s", s.Password, s.port, database)
	}
	return fmt.Sprintf("postgres://gateway:%s@127.0.0.1:%d/%s?sslmode=disable", s.Password, s.port, database)
}

// Create makes a database as a copy of template, which nobody may be connected to, or an empty one where template is "".
func (s *Server) Create(name, template string) error {
	q := `CREATE DATABASE ` + name
	if template != "" {
		q += ` TEMPLATE ` + template
	}
	_, err := s.admin.Exec(q)
	return err
}

// Drop removes a database, whoever is connected to it.
func (s *Server) Drop(name string) error {
	_, err := s.admin.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`)
	return err
}

// PID is the process that its server processes descend from.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	var err error
	if s.admin != nil {
		err = s.admin.Close()
	}
	return errors.Join(err, s.stdin.Close(), s.cmd.Wait())
}

package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// container is a running one, by runc, which Docker and containerd run theirs with.
type container struct {
	t       *testing.T
	id      string
	state   string // runc's own folder
	log     string
	started time.Time
	done    chan struct{}
}

// unpacked is an image as a root file system.
func unpacked(t *testing.T, what string) (dir string, size int64, img v1.Image) {
	t.Helper()
	file, img := buildImage(t, what, filepath.Join(binaries(t), map[string]string{"gateway": "convosphere", "chat": "chat"}[what]))
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("tar", "-x", "--numeric-owner", "--same-owner", "-p", "-C", dir)
		c.Stdin = r
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		_ = r.Close()
	}
	return dir, info.Size(), img
}

// limits are as small as a gateway may be given.
const (
	memory    = 768 << 20
	processes = 500
	files     = 4096
)

// spec is what an engine makes of the image and of compose's settings for it.
func spec(t *testing.T, rootfs, netns string, img v1.Image, args, env []string, mounts []map[string]any) map[string]any {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if args == nil {
		args = c.Config.Cmd
	}
	return specOf(rootfs, netns, append(append([]string{}, c.Config.Entrypoint...), args...), append(c.Config.Env, env...), mounts)
}

// specOf confines any program so.
func specOf(rootfs, netns string, args, env []string, mounts []map[string]any) map[string]any {
	none := []string{}
	return map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"user": map[string]any{"uid": 65532, "gid": 65532}, "args": args, "env": env, "cwd": "/",
			"capabilities":    map[string]any{"bounding": none, "effective": none, "inheritable": none, "permitted": none, "ambient": none},
			"noNewPrivileges": true,
			"rlimits":         []map[string]any{{"type": "RLIMIT_NOFILE", "hard": files, "soft": files}, {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}},
		},
		"root": map[string]any{"path": rootfs, "readonly": true},
		"mounts": append([]map[string]any{
			{"destination": "/proc", "type": "proc", "source": "proc", "options": []string{"nosuid", "noexec", "nodev"}},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			// By which the gateway learns its limits.
			{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
			{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "noexec", "mode=1777", "size=64m"}},
		}, mounts...),
		"linux": map[string]any{
			"namespaces":    []map[string]any{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network", "path": netns}},
			"maskedPaths":   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
			"resources":     map[string]any{"memory": map[string]any{"limit": memory}, "pids": map[string]any{"limit": processes}},
			"seccomp":       seccomp,
		},
	}
}

// seccomp refuses what Docker's own profile refuses to those without capabilities, of what matters most: other processes, other namespaces, mounts, the
// kernel itself.
var seccomp = map[string]any{
	"defaultAction": "SCMP_ACT_ALLOW",
	"architectures": []string{"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"},
	"syscalls": []map[string]any{{"action": "SCMP_ACT_ERRNO", "names": []string{
		"acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "init_module",
		"io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load", "kexec_load", "keyctl", "mount", "mount_setattr", "move_mount", "open_by_handle_at",
		"open_tree", "perf_event_open", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setns", "settimeofday",
		"swapoff", "swapon", "syslog", "umount2", "unshare", "userfaultfd", "vhangup",
	}}},
}

func bind(from, to, mode string) map[string]any {
	return map[string]any{"destination": to, "type": "bind", "source": from, "options": []string{"bind", mode, "nosuid", "nodev", "noexec"}}
}

// folder is a new one that belongs to the container's user.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chown(dir, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, name string, spec map[string]any) *container {
	t.Helper()
	bundle := t.TempDir()
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &container{t: t, id: fmt.Sprintf("gwcheck-%d-%s", os.Getpid(), name), state: t.TempDir(), log: filepath.Join(bundle, "log"), done: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("runc", "--root", c.state, "run", "--bundle", bundle, c.id)
	cmd.Stdout, cmd.Stderr = log, log
	c.started = time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the log tells
		close(c.done)
	}()
	t.Cleanup(c.stop)
	return c
}

// stop asks it to end, and it does so by itself.
func (c *container) stop() {
	c.runc("kill", c.id, "TERM")
	select {
	case <-c.done:
	case <-time.After(60 * time.Second):
		c.t.Errorf("%s does not end on SIGTERM", c.id)
		c.runc("kill", c.id, "KILL")
		<-c.done
	}
	if c.t.Failed() {
		b, _ := os.ReadFile(c.log)
		c.t.Logf("%s:\n%s", c.id, b[max(0, len(b)-6000):])
	}
}

func (c *container) runc(args ...string) (string, error) {
	out, err := exec.Command("runc", append([]string{"--root", c.state}, args...)...).CombinedOutput()
	return string(out), err
}

// exec runs a program of the image in the container.
func (c *container) exec(args ...string) (string, error) {
	return c.runc(append([]string{"exec", c.id}, args...)...)
}

// pid is the process's, seen from here.
func (c *container) pid() int {
	out, err := c.runc("state", c.id)
	if err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	var s struct{ Pid int }
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		c.t.Fatal(err)
	}
	return s.Pid
}

func (c *container) wait(what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-c.done:
			b, _ := os.ReadFile(c.log)
			c.t.Fatalf("%s ended before %s:\n%s", c.id, what, b)
		default:
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(c.log)
			c.t.Fatalf("%s: waited in vain for %s:\n%s", c.id, what, b)
		}
	}
}

// browser is a client in the namespace: whatever the name, it asks there.
func browser(s *space, port string) *http.Client {
	return browserAt(s, net.JoinHostPort("127.0.0.1", port))
}

// browserAt is one that asks at another address.
func browserAt(s *space, address string) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return s.dial(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}, // its own authority's, made a moment ago
	}}
}

// call sends JSON, and reads what is answered where it is well.
func call(t *testing.T, c *http.Client, method, url, token string, body, into any) int {
	t.Helper()
	code, b, _ := ask(t, c, method, url, token, body)
	if into != nil && code/100 == 2 {
		if err := json.Unmarshal([]byte(b), into); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
	}
	return code
}

// ask gives the answer's status, body and header.
func ask(t *testing.T, c *http.Client, method, url, token string, body any) (int, string, http.Header) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		sent = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, sent)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// TestImageRuns runs both images as compose and the chart have them run: user 65532, a root file system that can't be written, no
// capability, no new privileges, limits; then signs somebody in and asks the back end something.
func TestImageRuns(t *testing.T) {
	box := newWorld(t).space("box")
	rootfs, size, img := unpacked(t, "gateway")
	binary, err := os.Stat(filepath.Join(rootfs, "convosphere"))
	if err != nil {
		t.Fatal(err)
	}
	data, keys := folder(t), folder(t)
	hosts := named(t, "gateway", "chat")
	launch := func(name string) *container {
		return start(t, name, spec(t, rootfs, box.path(), img, nil, []string{"GW_SHUTDOWN_DELAY=0s", "GW_GRACE_PERIOD=5s", "GW_KEYS=/run/secrets/keys"},
			[]map[string]any{runtimeFolder, bind(data, "/var/lib/convosphere", "rw"), bind(keys, "/run/secrets/keys", "rw"), hosts}))
	}
	ready := readiness(box)
	first := launch("first")
	first.wait("it is ready", ready)
	fresh := time.Since(first.started)
	first.stop()

	// Again, with its data and with its keys as Kubernetes mounts a secret: root's, read by the user's group alone.
	mountAsSecret(t, keys)
	c := launch("gateway")
	c.wait("it is ready", ready)
	again := time.Since(c.started)
	checkConfinement(t, c)

	chatRoot, chatSize, chatImg := unpacked(t, "chat")
	ca := filepath.Join(data, "caddy", "pki", "authorities", "local", "root.crt")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	trusted := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(trusted, pem, 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, "chat", spec(t, chatRoot, box.path(), chatImg,
		[]string{"-listen=127.0.0.1:9000", "-data=/var/lib/chat", "-jwks=https://gateway:8444/.well-known/jwks.json", "-jwks-ca=/run/ca.crt"}, nil,
		[]map[string]any{bind(folder(t), "/var/lib/chat", "rw"), bind(trusted, "/run/ca.crt", "ro"), hosts}))

	if b, err := os.ReadFile(c.log); err != nil || !regexp.MustCompile(`GOMEMLIMIT is updated","GOMEMLIMIT":7\d{8},`).Match(b) {
		t.Errorf("its heap is not kept below the container's %d bytes (%v)", memory, err)
	}
	site := browser(box, "8443")
	token := signIn(t, c, site)
	code := 0
	c.wait("the chat answers through it", func() bool {
		code = call(t, site, "GET", "https://localhost/api/rooms", token, nil, nil)
		return code != http.StatusBadGateway && code != http.StatusServiceUnavailable && code != http.StatusUnauthorized
	})
	if code != http.StatusOK {
		t.Errorf("a request to the back end: %d", code)
	}
	if code := call(t, site, "GET", "https://localhost/api/rooms", "", nil, nil); code != http.StatusUnauthorized {
		t.Errorf("the same without a token: %d", code)
	}
	t.Logf("binary %.1f MB, image %.1f MB (chat %.1f MB); from exec to the first 200 of /readyz: %.2f s with a new data folder, %.2f s with its own",
		mega(binary.Size()), mega(size), mega(chatSize), fresh.Seconds(), again.Seconds())
}

// runtimeFolder is where the admin socket is.
var runtimeFolder = map[string]any{"destination": "/run/convosphere", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "noexec", "mode=0700", "uid=65532", "gid=65532", "size=1m"}}

// named has the container find these names at its own loopback address.
func named(t *testing.T, names ...string) map[string]any {
	t.Helper()
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost "+strings.Join(names, " ")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return bind(hosts, "/etc/hosts", "ro")
}

// readiness asks /readyz of the gateway in the namespace.
func readiness(s *space) func() bool {
	probe := browser(s, "9180")
	return func() bool {
		resp, err := probe.Get("http://localhost/readyz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}
}

func mega(n int64) float64 { return float64(n) / 1e6 }

// mountAsSecret gives the folder the owners and modes that Kubernetes gives a secret's volume with fsGroup 65532.
func mountAsSecret(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(err, names)
	}
	for _, f := range names {
		if filepath.Base(f) == "lock" {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.Chown(f, 0, 65532); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(f, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, 0, 65532); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
}

// checkConfinement looks at the process from outside, and tries from inside.
func checkConfinement(t *testing.T, c *container) {
	t.Helper()
	fields := statusOf(t, c)
	for k, want := range map[string]string{
		"Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532", "NoNewPrivs": "1", "Seccomp": "2",
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "CapAmb": "0000000000000000",
	} {
		if fields[k] != want {
			t.Errorf("%s is %q, not %q", k, fields[k], want)
		}
	}
	health := []string{"/convosphere", "health", "--quiet", "--url", "http://127.0.0.1:9180/readyz"}
	if out, err := c.exec(health...); err != nil {
		t.Errorf("the health check: %v: %s", err, out)
	}
	health[len(health)-1] = "http://127.0.0.1:9/readyz"
	if out, err := c.exec(health...); err == nil {
		t.Errorf("the health check of nothing succeeds: %s", out)
	}
	// It writes a file where it is told to: not below a root that can't be written, but where it keeps its own.
	for dir, may := range map[string]bool{"/": false, "/etc/convosphere": false, "/var/lib/convosphere": true, "/tmp": true} {
		out, err := c.exec("/convosphere", "manpage", "--directory", dir+"/try")
		if (err == nil) != may {
			t.Errorf("writing below %s: %v: %s", dir, err, out)
		}
	}
	if out, err := c.exec("/bin/sh", "-c", "true"); err == nil {
		t.Errorf("there is a shell: %s", out)
	}
}

// statusOf is what the kernel says of the process.
func statusOf(t *testing.T, c *container) map[string]string {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.pid()), "status"))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(status)) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			fields[k] = strings.Join(strings.Fields(v), " ")
		}
	}
	return fields
}

// signIn makes an account, and gives the access token that it gets.
func signIn(t *testing.T, c *container, site *http.Client) string {
	t.Helper()
	return signInBy(t, c, "/convosphere", site)
}

// signInBy does so where the binary is elsewhere.
func signInBy(t *testing.T, c *container, binary string, site *http.Client) string {
	t.Helper()
	out, err := c.exec(binary, "user", "add", "alice", "--generate", "--config", "/etc/convosphere/Caddyfile")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := regexp.MustCompile(`(?m)^password: (\S+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no password in %q", out)
	}
	var in struct {
		Status      string
		AccessToken string `json:"access_token"`
	}
	if code := call(t, site, "POST", "https://localhost/auth/api/login", "", map[string]string{"username": "alice", "password": m[1], "delivery": "body"}, &in); code != 200 || in.AccessToken == "" {
		t.Fatalf("login: %d %+v", code, in)
	}
	return in.AccessToken
}

package check

import (
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnitRuns runs the binary under what the unit says, as far as runc can be told: its user, capability, system calls, memory, address families, limits, and the folders it
// may write to; with the package's Caddyfile. It says by itself that it is ready; then somebody signs in and a request reaches the application.
func TestUnitRuns(t *testing.T) {
	box := newWorld(t).space("box")
	u := readUnit(t)
	files, _, _ := unpacked(t, "gateway")
	rootfs := unitRoot(t, filepath.Join(files, "convosphere"))
	mounts := u.mounts(t)
	ready := notified(t)
	mounts = append(mounts, ready.mount)

	// What it is held to, it is: a program that tries gets through nowhere, and does where nothing holds it.
	probe := filepath.Join(t.TempDir(), "probe")
	if out, err := commandHere("go", "build", "-o", probe, "./testdata/probe"); err != nil {
		t.Fatal(err, out)
	}
	free, err := commandHere(probe)
	if err != nil || len(strings.Split(strings.TrimSpace(free), "\n")) < 5 {
		t.Errorf("unconfined, the probe gets through at %q only (%v): this test could not see it", free, err)
	}
	tries := start(t, "probe", u.spec(rootfs, box.path(), []string{"/probe"}, nil, append(mounts, map[string]any{"destination": "/probe", "type": "bind", "source": probe, "options": []string{"bind", "ro"}})))
	select {
	case <-tries.done:
	case <-time.After(time.Minute):
		t.Fatal("the probe does not end")
	}
	if got, err := os.ReadFile(tries.log); err != nil || len(got) > 0 {
		t.Errorf("under the unit's settings a program gets through to: %s (%v)", got, err)
	}

	serve(t, box, "127.0.0.1:9000")
	c := start(t, "unit", u.spec(rootfs, box.path(), strings.Fields(u.one(t, "ExecStart")), append(strings.Fields(u.one(t, "Environment")), "NOTIFY_SOCKET=/run/systemd/notify"), mounts))
	c.wait("it says that it is ready", ready.said)
	c.wait("it is", readiness(box)) // Caddy says so of a load that failed, too, and then ends
	u.checkStatus(t, c)
	if out, err := c.exec("/usr/bin/convosphere", "health", "--quiet", "--url", "http://127.0.0.1:9180/readyz"); err != nil {
		t.Errorf("the health of the package's Caddyfile: %v: %s", err, out)
	}
	if code, body, _ := ask(t, browser(box, "9180"), "GET", "http://localhost:9180/metrics", "", nil); code != http.StatusOK || !strings.Contains(body, "\ngateway_ready 1\n") {
		t.Errorf("metrics: %d", code)
	}
	site := browser(box, "443")
	token := signInBy(t, c, "/usr/bin/convosphere", site)
	if code, body, _ := ask(t, site, "GET", "https://localhost/orders", token, nil); code != http.StatusOK || body != "GET /orders" {
		t.Errorf("a request: %d %q", code, body)
	}
	if out, err := c.exec(strings.Fields(u.one(t, "ExecReload"))...); err != nil {
		t.Errorf("a reload: %v: %s", err, out)
	}
}

// unit is the settings of convosphere.service, several of a name in their order.
type unit map[string][]string

func readUnit(t *testing.T) unit {
	t.Helper()
	u := unit{}
	for line := range strings.Lines(read(t, "deploy", "systemd", "convosphere.service")) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(k, "#") {
			u[k] = append(u[k], v)
		}
	}
	return u
}

func (u unit) one(t *testing.T, name string) string {
	t.Helper()
	if len(u[name]) != 1 {
		t.Fatalf("the unit has %s=%q", name, u[name])
	}
	return u[name][0]
}

// unitRoot is a machine with the package and nothing else.
func unitRoot(t *testing.T, binary string) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"usr/bin", "etc/convosphere", "var/lib", "run/systemd", "tmp", "proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// runc gives what it mounts there the mode that the folder has.
	if err := os.Chmod(filepath.Join(dir, "tmp"), os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "cp", binary, filepath.Join(dir, "usr", "bin", "convosphere"))
	write(t, filepath.Join(dir, "etc", "convosphere", "Caddyfile"), read(t, "deploy", "debian", "Caddyfile"))
	write(t, filepath.Join(dir, "etc", "hosts"), "127.0.0.1 localhost\n")
	write(t, filepath.Join(dir, "etc", "passwd"), "root:x:0:0::/:/bin/sh\nconvosphere:x:65532:65532::/var/lib/convosphere:/usr/sbin/nologin\n")
	return dir
}

// mounts are the folders that systemd makes for it; spec's own /tmp is its private one.
func (u unit) mounts(t *testing.T) []map[string]any {
	t.Helper()
	all := []map[string]any{runtimeFolder}
	if u.one(t, "RuntimeDirectory") != "convosphere" || u.one(t, "ProtectSystem") != "strict" || u.one(t, "PrivateTmp") != "yes" {
		t.Fatal("the unit's folders are others than this test has")
	}
	for _, name := range strings.Fields(u.one(t, "StateDirectory")) {
		all = append(all, bind(folder(t), "/var/lib/"+name, "rw"))
	}
	return all
}

// spec is runc's for a program of the unit.
func (u unit) spec(rootfs, netns string, args, env []string, mounts []map[string]any) map[string]any {
	s := specOf(rootfs, netns, args, env, mounts)
	p := s["process"].(map[string]any)
	ambient := strings.Fields(u["AmbientCapabilities"][0])
	p["capabilities"] = map[string]any{"bounding": strings.Fields(u["CapabilityBoundingSet"][0]), "effective": ambient, "inheritable": ambient, "permitted": ambient, "ambient": ambient}
	p["noNewPrivileges"] = u["NoNewPrivileges"][0] == "yes"
	files, _ := strconv.ParseUint(u["LimitNOFILE"][0], 10, 64) // 0 would let it open none, and fail
	var here unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &here) == nil {
		files = min(files, here.Max) // a machine that gives less can't give more
	}
	p["rlimits"] = []map[string]any{{"type": "RLIMIT_NOFILE", "hard": files, "soft": files}, {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}}
	s["linux"].(map[string]any)["seccomp"] = u.seccomp()
	return s
}

// Numbers of Linux that the filter compares with: asm-generic/mman-common.h, linux/sched.h, linux/shm.h, linux/socket.h.
const (
	protWrite, protExec = 2, 4
	namespaces          = 0x7e020000 // every CLONE_NEW… of clone
	shmExec             = 0o100000
	noSuchCall          = 38
)

var families = map[string]uint64{"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}

// seccomp is the filter that systemd makes of the unit: SystemCallFilter, RestrictAddressFamilies, MemoryDenyWriteExecute, RestrictNamespaces, LockPersonality and
// RestrictSUIDSGID (of chmod).
func (u unit) seccomp() map[string]any {
	calls := expand("@default")
	for _, list := range u["SystemCallFilter"] {
		list, drop := strings.CutPrefix(list, "~")
		for _, set := range strings.Fields(list) {
			for call := range expand(set) {
				if drop {
					delete(calls, call)
				} else {
					calls[call] = true
				}
			}
		}
	}
	rules := []map[string]any{}
	masked := func(arg, mask, value uint64, names ...string) {
		for _, name := range names {
			if calls[name] {
				rules = append(rules, map[string]any{"action": "SCMP_ACT_ALLOW", "names": []string{name}, "args": []map[string]any{{"index": arg, "op": "SCMP_CMP_MASKED_EQ", "value": mask, "valueTwo": value}}})
			}
		}
	}
	if u["MemoryDenyWriteExecute"][0] == "yes" {
		for _, prot := range []uint64{0, protWrite, protExec} {
			masked(2, protWrite|protExec, prot, "mmap")
		}
		masked(2, protExec, 0, "mprotect", "pkey_mprotect")
		masked(2, shmExec, 0, "shmat")
	}
	for _, f := range strings.Fields(u["RestrictAddressFamilies"][0]) {
		masked(0, 0xffffffff, families[f], "socket")
	}
	masked(0, namespaces, 0, "clone")
	masked(0, 0xffffffff, 0, "personality")
	masked(1, 0o6000, 0, "chmod", "fchmod")
	masked(2, 0o6000, 0, "fchmodat")
	rules = append(rules, map[string]any{"action": "SCMP_ACT_ERRNO", "errnoRet": noSuchCall, "names": []string{"clone3"}})
	for _, name := range []string{"mmap", "mprotect", "pkey_mprotect", "shmat", "socket", "clone", "clone3", "unshare", "setns", "personality", "chmod", "fchmod", "fchmodat"} {
		delete(calls, name)
	}
	rules = append(rules, map[string]any{"action": "SCMP_ACT_ALLOW", "names": slices.Sorted(maps.Keys(calls))})
	return map[string]any{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": []string{"SCMP_ARCH_X86_64"}, "syscalls": rules}
}

// expand gives the calls of a set of systemd's, or the call itself.
func expand(name string) map[string]bool {
	if !strings.HasPrefix(name, "@") {
		return map[string]bool{name: true}
	}
	all := map[string]bool{}
	out, err := commandHere("systemd-analyze", "syscall-filter", "--no-pager", name)
	if err != nil {
		panic(err) // systemd-analyze is there, or TestUnitIsHardened fails
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line == "" || line == name || strings.HasPrefix(line, "#") {
			continue
		}
		maps.Copy(all, expand(line))
	}
	return all
}

// checkStatus looks at the process from outside.
func (u unit) checkStatus(t *testing.T, c *container) {
	t.Helper()
	const bind = "0000000000000400" // CAP_NET_BIND_SERVICE
	status := statusOf(t, c)
	for k, want := range map[string]string{"Uid": "65532 65532 65532 65532", "NoNewPrivs": "1", "Seccomp": "2", "CapPrm": bind, "CapEff": bind, "CapBnd": bind, "CapAmb": bind} {
		if status[k] != want {
			t.Errorf("%s is %q, not %q", k, status[k], want)
		}
	}
}

// notification is systemd's end of the socket by which a service says that it is ready.
type notification struct {
	mount map[string]any
	heard net.PacketConn
}

func notified(t *testing.T) *notification {
	t.Helper()
	dir := t.TempDir()
	heard, err := net.ListenPacket("unixgram", filepath.Join(dir, "notify"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = heard.Close() })
	for path, mode := range map[string]os.FileMode{dir: 0o755, filepath.Join(dir, "notify"): 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return &notification{mount: bind(dir, "/run/systemd", "ro"), heard: heard}
}

// said tells whether READY=1 has come.
func (n *notification) said() bool {
	b := make([]byte, 4096)
	for n.heard.SetReadDeadline(time.Now().Add(100*time.Millisecond)) == nil {
		size, _, err := n.heard.ReadFrom(b)
		if err != nil {
			return false
		}
		if slices.Contains(strings.Split(string(b[:size]), "\n"), "READY=1") {
			return true
		}
	}
	return false
}

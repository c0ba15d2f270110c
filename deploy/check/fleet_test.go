package check

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestComposeRuns runs compose's project: the images as `fleet`, Redis and PostgreSQL of this machine with compose's own commands, certificates and passwords by
// its make-secrets, all of it in the networks that Docker would make. Somebody signs in at one gateway and is known at the other; the chat answers through both; Prometheus' way is
// open; a backup is made and is good.
func TestComposeRuns(t *testing.T) {
	f := newFleet(t)
	pg := f.start("postgres", f.servers(), postgresCommand(t, f.project.Services["postgres"]), "PATH="+postgresPath(t)+":/usr/bin", "LANG=C.UTF-8", "PGDATA=/var/lib/postgresql/data")
	redis := f.start("redis", f.servers(), f.project.Services["redis"].Command, "PATH=/usr/bin")
	pg.wait("its health check", f.healthy(pg, "postgres"))
	redis.wait("its health check", f.healthy(redis, "redis"))
	chat := f.image("chat")
	f.start("chat", chat, append(append([]string{}, chat.config.Entrypoint...), f.project.Services["chat"].Command...))
	gateway := f.image("gateway")
	run := append(append([]string{}, gateway.config.Entrypoint...), gateway.config.Cmd...)
	a := f.start("gateway-a", gateway, run, gateway.config.Env...)
	a.wait("its health check", f.healthy(a, "gateway-a"))
	b := f.start("gateway-b", gateway, run, gateway.config.Env...)
	b.wait("its health check", f.healthy(b, "gateway-b"))

	sites := map[string]*http.Client{"gateway-a": browserAt(f.spaces["internet"], outside+":443"), "gateway-b": browserAt(f.spaces["internet"], outside+":8443")}
	token := signIn(t, a, sites["gateway-a"])
	for name, site := range sites {
		code := 0
		a.wait("the chat answers through "+name, func() bool {
			code = call(t, site, "GET", "https://localhost/api/rooms", token, nil, nil)
			return code != http.StatusBadGateway && code != http.StatusServiceUnavailable
		})
		if code != http.StatusOK {
			t.Errorf("%s: a request to the chat: %d", name, code)
		}
		if code := call(t, site, "GET", "https://localhost/api/rooms", "", nil, nil); code != http.StatusUnauthorized {
			t.Errorf("%s: the same without a token: %d", name, code)
		}
		health := browserAt(f.spaces["prometheus"], f.addr[name+" monitoring"]+":9180")
		if code, body, _ := ask(t, health, "GET", "http://"+name+":9180/metrics", "", nil); code != http.StatusOK || !strings.Contains(body, "\ngateway_ready 1\n") {
			t.Errorf("%s: its metrics: %d", name, code)
		}
	}
	a.wait("a backup", func() bool {
		made, err := filepath.Glob(filepath.Join(f.volumes["backups"], "convosphere-*.backup"))
		return err == nil && len(made) == 1
	})
	out, err := f.exec(a, "gateway-a", "/convosphere", "backup", "drill", "--config", "/etc/convosphere/Caddyfile")
	if err != nil {
		t.Errorf("the backup is not good: %v: %s", err, out)
	}
	// Run again, make-secrets leaves what is there: the backups can still be read.
	key := filepath.Join(f.secrets, "gateway", "backup.key")
	before := digest(t, key)
	f.makeSecrets()
	if digest(t, key) != before {
		t.Error("the backups' key is replaced")
	}
}

// fleet is compose's project on a Docker host.
type fleet struct {
	*docker
	secrets string
	volumes map[string]string // a folder of ours for each
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{docker: newDocker(t), secrets: t.TempDir(), volumes: map[string]string{}}
	if err := os.Chmod(f.secrets, 0o755); err != nil {
		t.Fatal(err)
	}
	f.makeSecrets()
	for name := range f.project.Volumes {
		if service, is := strings.CutPrefix(name, "secrets-"); is {
			f.volumes[name] = filepath.Join(f.secrets, service)
			continue
		}
		f.volumes[name] = folder(t)
		if name == "redis" || name == "postgres" {
			if err := os.Chown(f.volumes[name], 999, 999); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f
}

func (f *fleet) makeSecrets() {
	f.t.Helper()
	run(f.t, nil, "sh", "deploy/compose/make-secrets", f.secrets)
}

// body is what a container is made of.
type body struct {
	rootfs string
	config v1.Config
	mounts []map[string]any
}

func (f *fleet) image(what string) body {
	f.t.Helper()
	rootfs, _, img := unpacked(f.t, what)
	c, err := img.ConfigFile()
	if err != nil {
		f.t.Fatal(err)
	}
	return body{rootfs: rootfs, config: c.Config}
}

// servers is a root file system with this machine's Redis and PostgreSQL, in the place of Debian's images of them.
func (f *fleet) servers() body {
	f.t.Helper()
	dir := f.t.TempDir()
	for _, d := range []string{"usr", "etc", "run", "tmp", "proc", "sys", "dev", "data", "var/lib/postgresql/data", "var/run/postgresql", "etc/postgresql", "docker-entrypoint-initdb.d"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
	for _, link := range []string{"bin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+link, filepath.Join(dir, link)); err != nil {
			f.t.Fatal(err)
		}
	}
	write(f.t, filepath.Join(dir, "etc", "passwd"), "root:x:0:0::/:/bin/sh\nserver:x:999:999::/tmp:/bin/sh\n")
	return body{rootfs: dir, mounts: []map[string]any{
		{"destination": "/usr", "type": "bind", "source": "/usr", "options": []string{"bind", "ro", "nosuid", "nodev"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "nodev", "noexec", "mode=1777", "size=256m"}},
	}}
}

// start starts a service with what compose says of it: its user, environment, volumes, memory file systems, files and addresses.
func (f *fleet) start(name string, of body, args []string, env ...string) *container {
	f.t.Helper()
	s := f.project.Services[name]
	for k, v := range s.Environment {
		env = append(env, k+"="+*v)
	}
	mounts := append([]map[string]any{}, of.mounts...)
	for _, m := range s.Tmpfs {
		target, options, _ := strings.Cut(m, ":")
		mounts = append(mounts, map[string]any{"destination": target, "type": "tmpfs", "source": "tmpfs", "options": strings.Split(options, ",")})
	}
	for _, v := range s.Volumes {
		from := v.Source
		if v.Type == types.VolumeTypeVolume {
			from = f.volumes[v.Source]
		}
		mounts = append(mounts, bind(from, v.Target, map[bool]string{true: "ro", false: "rw"}[v.ReadOnly]))
	}
	for _, c := range s.Configs {
		mounts = append(mounts, bind(f.project.Configs[c.Source].File, c.Target, "ro"))
	}
	if len(s.Networks) > 0 {
		mounts = append(mounts, f.hosts(name))
	}
	whole := specOf(of.rootfs, f.spaces[name].path(), args, env, mounts)
	var uid, gid int
	if _, err := fmt.Sscanf(s.User, "%d:%d", &uid, &gid); err != nil {
		f.t.Fatalf("%s: user %q: %v", name, s.User, err)
	}
	whole["process"].(map[string]any)["user"] = map[string]any{"uid": uid, "gid": gid}
	return start(f.t, name, whole)
}

// hosts has a service find those that share a network with it, as Docker's resolver does: by name and alias, at the address there.
func (f *fleet) hosts(name string) map[string]any {
	f.t.Helper()
	lines := []string{"127.0.0.1 localhost"}
	for network := range f.project.Services[name].Networks {
		for _, other := range slices.Sorted(maps.Keys(f.project.Services)) {
			if n := f.project.Services[other].Networks[network]; n != nil {
				lines = append(lines, n.Ipv4Address+" "+strings.Join(append([]string{other}, n.Aliases...), " "))
			}
		}
	}
	file := filepath.Join(f.t.TempDir(), "hosts")
	write(f.t, file, strings.Join(lines, "\n")+"\n")
	return bind(file, "/etc/hosts", "ro")
}

// healthy runs the service's health check in its container.
func (f *fleet) healthy(c *container, name string) func() bool {
	test := f.project.Services[name].HealthCheck.Test
	args := test[1:]
	if test[0] == "CMD-SHELL" {
		args = []string{"sh", "-c", test[1]}
	}
	return func() bool {
		_, err := f.exec(c, name, args...)
		return err == nil
	}
}

// exec runs a program in a container, as the service's user and with its environment.
func (f *fleet) exec(c *container, name string, args ...string) (string, error) {
	return c.runc(append([]string{"exec", "--user", f.project.Services[name].User, c.id}, args...)...)
}

func postgresPath(t *testing.T) string {
	t.Helper()
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no PostgreSQL on this machine (%v)", err)
	}
	return filepath.Dir(dirs[len(dirs)-1])
}

// postgresCommand does what the entry point of PostgreSQL's image does with a new volume: the cluster, a start without the network for the scripts, and then compose's command.
func postgresCommand(t *testing.T, s types.ServiceConfig) []string {
	t.Helper()
	return append([]string{"sh", "-c", `set -e
initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS -D "$PGDATA" >/dev/null
echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf" # as the image's has it
shift
postgres "$@" -c listen_addresses= >&2 &
until pg_isready --quiet --username="$POSTGRES_USER"; do kill -0 $!; done
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres -f /docker-entrypoint-initdb.d/make-role.sql
kill -INT $!
wait $!
exec postgres "$@"`, "entrypoint"}, s.Command...)
}

package check

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// buildImage writes the image of a binary and returns its file, and it as others read it.
func buildImage(t *testing.T, what, binary string) (string, v1.Image) {
	t.Helper()
	file := filepath.Join(t.TempDir(), what+".tar")
	run(t, nil, "go", "run", "./deploy/image", "-what", what, "-binary", binary, "-out", file, "-version", "1.2.3")
	dir := t.TempDir()
	run(t, nil, "tar", "-xf", file, "-C", dir)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatalf("the layout is not whole: %v", err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatal(err, m)
	}
	img, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return file, img
}

// standIn is a file in the place of a binary, where only its place matters.
func standIn(t *testing.T) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(f, []byte("#!stand-in\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return f
}

// An image that is written without an engine says the same as the Dockerfile's, and holds the same owners.
func TestImageIsTheDockerfiles(t *testing.T) {
	stages, _, err := parseDockerfile(read(t, "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages {
		if s.BaseName != "scratch" {
			continue
		}
		_, img := buildImage(t, s.Name, standIn(t))
		got, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		want, owned := configOf(t, s)
		same(t, s.Name+": user", got.Config.User, want.User)
		same(t, s.Name+": entry point", strings.Join(got.Config.Entrypoint, " "), strings.Join(want.Entrypoint, " "))
		same(t, s.Name+": command", strings.Join(got.Config.Cmd, " "), strings.Join(want.Cmd, " "))
		same(t, s.Name+": environment", strings.Join(slices.Sorted(slices.Values(got.Config.Env)), " "), strings.Join(slices.Sorted(slices.Values(want.Env)), " "))
		same(t, s.Name+": ports", strings.Join(slices.Sorted(maps.Keys(got.Config.ExposedPorts)), " "), strings.Join(slices.Sorted(maps.Keys(want.ExposedPorts)), " "))
		same(t, s.Name+": volumes", strings.Join(slices.Sorted(maps.Keys(got.Config.Volumes)), " "), strings.Join(slices.Sorted(maps.Keys(want.Volumes)), " "))
		same(t, s.Name+": signal", got.Config.StopSignal, want.StopSignal)
		if (got.Config.Healthcheck == nil) != (want.Healthcheck == nil) {
			t.Errorf("%s: a health check in one of both", s.Name)
		} else if h := want.Healthcheck; h != nil {
			g := got.Config.Healthcheck
			same(t, s.Name+": health", strings.Join(g.Test, " "), strings.Join(h.Test, " "))
			if g.Interval != h.Interval || g.Timeout != h.Timeout || g.StartPeriod != h.StartPeriod || g.Retries != h.Retries {
				t.Errorf("%s: health check %+v, in the Dockerfile %+v", s.Name, g, h)
			}
		}
		checkOwners(t, s.Name, img, owned)
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, in the Dockerfile %q", what, got, want)
	}
}

// configOf is what a stage makes of its image, and the folders that it gives to the user.
func configOf(t *testing.T, s instructions.Stage) (v1.Config, []string) {
	t.Helper()
	c := v1.Config{ExposedPorts: map[string]struct{}{}, Volumes: map[string]struct{}{}}
	var owned []string
	for _, cmd := range s.Commands {
		switch cmd := cmd.(type) {
		case *instructions.UserCommand:
			c.User = cmd.User
		case *instructions.EntrypointCommand:
			c.Entrypoint = cmd.CmdLine
		case *instructions.CmdCommand:
			c.Cmd = cmd.CmdLine
		case *instructions.EnvCommand:
			for _, e := range cmd.Env {
				c.Env = append(c.Env, e.Key+"="+e.Value)
			}
		case *instructions.ExposeCommand:
			for _, p := range cmd.Ports {
				c.ExposedPorts[p] = struct{}{}
			}
		case *instructions.VolumeCommand:
			for _, v := range cmd.Volumes {
				c.Volumes[v] = struct{}{}
			}
		case *instructions.StopSignalCommand:
			c.StopSignal = cmd.Signal
		case *instructions.HealthCheckCommand:
			h := cmd.Health
			c.Healthcheck = &v1.HealthConfig{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
		case *instructions.CopyCommand:
			if cmd.Chown == "65532:65532" {
				owned = append(owned, strings.Trim(cmd.DestPath, "/"))
			}
		}
	}
	return c, owned
}

// checkOwners holds that nothing in the image is its user's but what the Dockerfile gives it, and nothing can be changed or run with privileges.
func checkOwners(t *testing.T, name string, img v1.Image, owned []string) {
	t.Helper()
	r := mutate.Extract(img)
	defer r.Close()
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := strings.Trim(h.Name, "/")
		mine := slices.ContainsFunc(owned, func(o string) bool { return path == o || strings.HasPrefix(path, o+"/") })
		if want := map[bool]int{true: 65532, false: 0}[mine]; h.Uid != want || h.Gid != want {
			t.Errorf("%s: %s belongs to %d:%d", name, path, h.Uid, h.Gid)
		}
		if h.Mode&0o6000 != 0 || h.Mode&0o022 != 0 && path != "tmp" {
			t.Errorf("%s: %s has mode %o", name, path, h.Mode)
		}
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s: %s is of %s", name, path, h.ModTime)
		}
	}
}

// The same input gives the same bytes, and what `docker load` of an old Docker reads is the same image.
func TestImageIsReproducible(t *testing.T) {
	binary := standIn(t)
	one, img := buildImage(t, "gateway", binary)
	two, _ := buildImage(t, "gateway", binary)
	if a, b := digest(t, one), digest(t, two); a != b {
		t.Errorf("two builds: %s and %s", a, b)
	}
	old, err := tarball.ImageFromPath(one, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := old.ConfigName(); err != nil || a != b {
		t.Errorf("as an OCI layout %s, as Docker's archive %s: %v", a, b, err)
	}
}

func digest(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

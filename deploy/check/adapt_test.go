package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// shipped is the gateway's image, unpacked, which loads what the chart gives it.
type shipped struct {
	rootfs string
	img    v1.Image
}

func ship(t *testing.T) shipped {
	t.Helper()
	dir, _, img := unpacked(t, "gateway")
	return shipped{dir, img}
}

// adapt has the image's binary read the configuration as the gateway's pod has it: among the files of the image and of the pod's config maps, with the pod's
// variables, as the image's user. It returns the configuration as Caddy's JSON.
func (s shipped) adapt(t *testing.T, objects []runtime.Object) ([]byte, error) {
	t.Helper()
	pod, maps := gatewayPod(t, objects), configMaps(objects)
	root := filepath.Join(t.TempDir(), "root")
	if out, err := exec.Command("cp", "-al", s.rootfs, root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	gateway := pod.Containers[0]
	for _, m := range gateway.VolumeMounts {
		if err := mountConfig(root, m, volumeOf(pod, m.Name), maps); err != nil {
			return nil, err
		}
	}
	config, err := s.img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	env := config.Config.Env
	for _, e := range gateway.Env {
		env = append(env, e.Name+"="+e.Value)
	}
	args := append([]string{"adapt"}, config.Config.Cmd[1:]...)
	c := exec.Command(config.Config.Entrypoint[0], args...)
	c.Err = nil // its path is within the root
	c.Path, c.Dir, c.Env = config.Config.Entrypoint[0], "/", env
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Caddyfile does not adapt: %w: %s", err, said.String())
	case strings.Contains(said.String(), "not formatted"):
		return nil, fmt.Errorf("the Caddyfile is not as `convosphere fmt` writes it: %s", said.String())
	}
	return out, nil
}

// mountConfig puts a config map's files where the pod mounts it. Other volumes are empty, or secret: reading a Caddyfile needs none.
func mountConfig(root string, m core.VolumeMount, v *core.Volume, maps map[string]map[string]string) error {
	if v == nil || v.ConfigMap == nil {
		return nil
	}
	data, there := maps[v.ConfigMap.Name]
	if !there {
		return fmt.Errorf("the volume %s is of no config map", v.Name)
	}
	files := data
	if len(v.ConfigMap.Items) > 0 {
		files = map[string]string{}
		for _, i := range v.ConfigMap.Items {
			text, there := data[i.Key]
			if !there {
				return fmt.Errorf("the config map %s has no %s", v.ConfigMap.Name, i.Key)
			}
			files[i.Path] = text
		}
	}
	at := filepath.Join(root, m.MountPath)
	if m.SubPath != "" {
		text, there := files[m.SubPath]
		if !there {
			return fmt.Errorf("the config map %s has no %s", v.ConfigMap.Name, m.SubPath)
		}
		return put(at, text)
	}
	// A folder that is mounted hides what the image has there.
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	for name, text := range files {
		if err := put(filepath.Join(at, name), text); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file anew: the one that was there is the image's, under another name too.
func put(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func gatewayPod(t *testing.T, objects []runtime.Object) core.PodSpec {
	t.Helper()
	for _, o := range objects {
		if s, ok := o.(*apps.StatefulSet); ok && s.Spec.Template.Labels["app.kubernetes.io/component"] == "gateway" {
			return s.Spec.Template.Spec
		}
	}
	t.Fatal("the chart has no gateway")
	return core.PodSpec{}
}

func configMaps(objects []runtime.Object) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, o := range objects {
		if m, ok := o.(*core.ConfigMap); ok {
			all[m.Name] = m.Data
		}
	}
	return all
}

func volumeOf(pod core.PodSpec, name string) *core.Volume {
	if i := slices.IndexFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == name }); i >= 0 {
		return &pod.Volumes[i]
	}
	return nil
}

// answersAt holds that the configuration listens wherever the pod says that it does, and tells its health where it is probed.
func answersAt(config []byte, pod core.PodSpec) error {
	var c struct {
		Apps struct {
			HTTP struct {
				HTTPPort int `json:"http_port"`
				Servers  map[string]struct {
					Listen []string
					Routes json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return err
	}
	at := map[int]string{c.Apps.HTTP.HTTPPort: ""} // from there Caddy leads to HTTPS by itself
	for _, s := range c.Apps.HTTP.Servers {
		for _, l := range s.Listen {
			_, port, err := net.SplitHostPort(l)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(port)
			if err != nil {
				return err
			}
			at[n] += string(s.Routes)
		}
	}
	var errs []error
	for _, p := range pod.Containers[0].Ports {
		routes, there := at[int(p.ContainerPort)]
		switch {
		case !there:
			errs = append(errs, fmt.Errorf("nothing listens at %d (%s), but at %v", p.ContainerPort, p.Name, slices.Sorted(maps.Keys(at))))
		case p.Name == "health" && !strings.Contains(routes, `"gw_health"`):
			errs = append(errs, fmt.Errorf("nobody tells of health at %d", p.ContainerPort))
		}
	}
	return errors.Join(errs...)
}

// loads is what the image makes of the chart's documents.
func (s shipped) loads(t *testing.T, docs [][]byte) error {
	t.Helper()
	objects, err := decode(docs)
	if err != nil {
		return err
	}
	config, err := s.adapt(t, objects)
	if err != nil {
		return err
	}
	return answersAt(config, gatewayPod(t, objects))
}

// A Caddyfile that would not start, or that nobody could probe, is found.
func TestChartCaddyfileFaultsAreFound(t *testing.T) {
	image := ship(t)
	for name, broken := range map[string][2]string{
		"a file that is not in the image": {"caddyfile: |\n", "caddyfile: |\n  import /etc/convosphere/site.caddy\n"},
		"no health":                       {"http://:9180 {", "http://:9181 {"},
		"health in name alone":            {"gw_health\n", "respond ok\n"},
		"a directive that is none":        {"gw_secure {", "gw_secured {"},
		"one that is not formatted":       {"  \tadmin unix", "   \tadmin unix"},
	} {
		text := read(t, "deploy", "helm", "values", "small.yaml")
		if !strings.Contains(text, broken[0]) {
			t.Errorf("%s: small.yaml has no %q", name, broken[0])
			continue
		}
		docs, err := render(loadChart(t), valuesOf(t, strings.Replace(text, broken[0], broken[1], 1)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = image.loads(t, docs)
		if err == nil {
			t.Errorf("%s is not found", name)
			continue
		}
		t.Logf("%s: %.200v", name, err)
	}
}

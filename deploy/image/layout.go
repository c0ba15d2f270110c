package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// build is what the image says of where it comes from.
type build struct {
	version, arch string
	at            time.Time
}

// descriptor points at a blob (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
}

type config struct {
	Created string `json:"created"`
	platform
	Config  settings  `json:"config"`
	RootFS  rootFS    `json:"rootfs"`
	History []history `json:"history"`
}

type settings struct {
	User         string              `json:"User"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env"`
	Entrypoint   []string            `json:"Entrypoint"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes"`
	WorkingDir   string              `json:"WorkingDir"`
	Labels       map[string]string   `json:"Labels"`
	StopSignal   string              `json:"StopSignal"`
	Healthcheck  *healthcheck        `json:"Healthcheck,omitempty"` // Docker's own; others leave it aside
}

// healthcheck has its times in nanoseconds.
type healthcheck struct {
	Test        []string      `json:"Test"`
	Interval    time.Duration `json:"Interval"`
	Timeout     time.Duration `json:"Timeout"`
	StartPeriod time.Duration `json:"StartPeriod"`
	Retries     int           `json:"Retries"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	repository   = "https://github.com/convosphere/gateway"
)

// writeLayout writes the image as an OCI layout in a tar, whole or not at all. Old Dockers find their own manifest.json in it.
func writeLayout(out string, img image, b build) (err error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var layers []blob
	for _, entries := range img.layers {
		l, err := layer(dir, entries, b.at)
		if err != nil {
			return err
		}
		layers = append(layers, l)
	}
	tmp := out + ".part"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp) // the error before says more
		}
	}()
	if err := errors.Join(pack(f, img, layers, b), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, out)
}

func pack(f io.Writer, img image, layers []blob, b build) error {
	w := tar.NewWriter(f)
	m := manifest{SchemaVersion: 2, MediaType: typeManifest}
	files := []string{}
	for _, l := range layers {
		m.Layers = append(m.Layers, descriptor{MediaType: typeLayer, Digest: l.digest, Size: l.size})
		files = append(files, blobName(l.digest))
		if err := add(w, entry{path: blobName(l.digest), mode: 0o644, from: l.file}, b.at); err != nil {
			return err
		}
	}
	put := func(v any) (descriptor, error) {
		raw, err := json.Marshal(v)
		if err != nil {
			return descriptor{}, err
		}
		sum := sha256.Sum256(raw)
		d := descriptor{Digest: hexOf(sum[:]), Size: int64(len(raw))}
		return d, add(w, entry{path: blobName(d.Digest), mode: 0o644, text: string(raw)}, b.at)
	}
	c, err := put(configOf(img, layers, b))
	if err != nil {
		return err
	}
	c.MediaType = typeConfig
	m.Config = &c
	top, err := put(m)
	if err != nil {
		return err
	}
	tag := img.name + ":" + b.version
	top.MediaType, top.Platform = typeManifest, &platform{Architecture: b.arch, OS: "linux"}
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": b.version, "io.containerd.image.name": "docker.io/library/" + tag}
	index, err := json.Marshal(manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{top}})
	if err != nil {
		return err
	}
	legacy, err := json.Marshal([]map[string]any{{"Config": blobName(c.Digest), "RepoTags": []string{tag}, "Layers": files}})
	if err != nil {
		return err
	}
	return errors.Join(
		add(w, entry{path: "index.json", mode: 0o644, text: string(index)}, b.at),
		add(w, entry{path: "manifest.json", mode: 0o644, text: string(legacy)}, b.at),
		add(w, entry{path: "oci-layout", mode: 0o644, text: `{"imageLayoutVersion":"1.0.0"}`}, b.at),
		w.Close())
}

func blobName(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func configOf(img image, layers []blob, b build) config {
	created := b.at.Format(time.RFC3339)
	r := img.config
	c := config{
		Created: created, platform: platform{Architecture: b.arch, OS: "linux"},
		Config: settings{
			User: strconv.Itoa(user) + ":" + strconv.Itoa(user), Env: r.env, Entrypoint: r.entrypoint, Cmd: r.cmd, WorkingDir: "/",
			ExposedPorts: map[string]struct{}{}, Volumes: map[string]struct{}{r.volume: {}}, StopSignal: "SIGTERM",
			Labels: map[string]string{
				"org.opencontainers.image.title": img.title, "org.opencontainers.image.version": b.version, "org.opencontainers.image.source": repository,
			},
		},
		RootFS: rootFS{Type: "layers"},
	}
	for _, p := range r.ports {
		c.Config.ExposedPorts[p] = struct{}{}
	}
	if r.health != nil {
		c.Config.Healthcheck = &healthcheck{Test: r.health, Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 30 * time.Second, Retries: 3}
	}
	for i, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.diff)
		c.History = append(c.History, history{Created: created, CreatedBy: fmt.Sprintf("deploy/image, layer %d of %s", i+1, img.name)})
	}
	return c
}

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/owner"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/source"
)

func buildCommand() *cobra.Command {
	var out, key string
	var uses policyFlags
	b := source.Build{}
	cmd := &cobra.Command{
		Use: "build -o FILE FOLDER", Short: "Makes a bundle of a policy, for gateways to fetch", Args: host.ExactArgs(1),
		Long: `Makes a bundle in OPA's format (a .tar.gz) of a folder's Rego and data.json, after the policy has compiled and its own tests have passed.
--sign signs it with a private key (PEM: RSA, ECDSA or Ed25519); gateways take it by the public one (bundle … { key FILE }).`,
	}
	uses.register(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "", "The file to write; what was there is replaced once the new one is complete")
	cmd.Flags().StringVar(&key, "sign", "", "The private key to sign with")
	cmd.Flags().StringVar(&b.Algorithm, "algorithm", "", "The algorithm to sign by, if not the key's usual one: RS256, ES256, ES384, ES512, EdDSA")
	cmd.Flags().StringVar(&b.Scope, "scope", "", "What the signature is for; gateways that name a scope take no other")
	cmd.Flags().StringVar(&b.Revision, "revision", "", "What the bundle calls its revision: a version, a commit")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if out == "" {
			return errors.New("--output names the file to write")
		}
		if key == "" && (b.Algorithm != "" || b.Scope != "") {
			return errors.New("--algorithm and --scope are of the signature: --sign names the key")
		}
		var err error
		if key != "" {
			if b.Key, err = os.ReadFile(key); err != nil {
				return fmt.Errorf("reading the key: %w", err)
			}
		}
		src, err := source.LoadFolder(args[0])
		if err != nil {
			return err
		}
		if err := passes(cmd, src, &uses); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		b.Now = time.Now()
		var packed bytes.Buffer
		if err := b.Write(&packed, args[0]); err != nil {
			return err
		}
		if packed.Len() > source.MaxBundle {
			return fmt.Errorf("the bundle would have more than %d MiB, which no gateway takes", source.MaxBundle>>20)
		}
		if err := replaceFile(out, packed.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
		revision, err := src.Revision()
		if err != nil {
			return err
		}
		signed := "signed"
		if key == "" {
			signed = "not signed"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d Rego files, revision %s, %s\n", out, len(src.Modules)+len(src.Tests), revision, signed)
		return err
	}
	return cmd
}

// passes holds a policy to what gateways take: it compiles, its own tests pass, and its answers can be read.
func passes(cmd *cobra.Command, src *engine.Source, uses *policyFlags) error {
	s, err := engine.Compile(cmd.Context(), src, uses.options()...)
	if err != nil {
		return err
	}
	if err := engine.Verify(cmd.Context(), src, uses.options()...); err != nil {
		return err
	}
	return s.Answers(cmd.Context())
}

// replaceFile writes a file whole, or leaves the one that was there.
func replaceFile(name string, content []byte, mode os.FileMode) error {
	f, err := owner.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // after the rename there is none
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

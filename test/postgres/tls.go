package postgres

import (
	"os"
	"path/filepath"
	"syscall"
)

// TLS is what a server shows and asks for, as PEM files.
type TLS struct{ Cert, Key, CA string }

// StartTLS starts a server that takes TCP connections over TLS alone, of clients whose certificate that CA has made out to the name of their role,
// "gateway". URLs say nothing of it.
func StartTLS(over TLS, settings ...string) (*Server, error) { return start(&over, settings) }

// hba lets in who is at the machine by the unix socket, which tests manage the server by.
const hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust clientcert=verify-full\n"

// install puts the files where only the server reads them, which it insists on.
func (l *TLS) install(data string, attr *syscall.SysProcAttr) error {
	files := map[string][]byte{"pg_hba.conf": []byte(hba)}
	for name, from := range map[string]string{"server.crt": l.Cert, "server.key": l.Key, "root.crt": l.CA} {
		raw, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		files[name] = raw
	}
	for name, raw := range files {
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			return err
		}
		if attr.Credential != nil {
			if err := os.Chown(path, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *TLS) settings() []string {
	return []string{"ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", "ssl_ca_file=root.crt"}
}

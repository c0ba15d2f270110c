package kit

import "github.com/convosphere/gateway/test/postgres"

// Postgres is a real PostgreSQL of the tests' own, ended with the test.
type Postgres struct{ *postgres.Server }

// StartPostgres starts one, with these settings (as "work_mem=64MB") added. Its databases' URLs hold a password, which tests may see leak.
func StartPostgres(t T, settings ...string) Postgres {
	t.Helper()
	s, err := postgres.Start(settings...)
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("PostgreSQL: %v", err)
		}
	})
	Secret(s.Password)
	return Postgres{s}
}

// New makes an empty database and returns its URL.
func (p Postgres) New(t T, name string) string {
	t.Helper()
	if err := p.Create(name, ""); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	return p.URL(name)
}

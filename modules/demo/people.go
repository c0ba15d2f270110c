package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
)

// person is one line of credentials.json.
type person struct {
	Username string `json:"username"`
	Role     string `json:"role"`
	Password string `json:"password"`
	TOTP     string `json:"totp_secret"` // base32; "" where there is none
	second   bool   // a second factor is to be on
}

// One per role; the admin last, who makes the rooms.
var cast = []person{
	{Username: "ursula", Role: "user"},
	{Username: "petra", Role: "premium"},
	{Username: "mona", Role: "moderator", second: true},
	{Username: "ada", Role: "admin", second: true},
}

// seedPeople makes the people of a first start, who have new passwords then. A start counts as the first until the credentials were
// written, so that one that was cut short is made up for by the next.
func (d *demo) seedPeople(ctx context.Context) (first bool, people []person, err error) {
	if _, err := os.Stat(d.path("credentials.json")); err == nil {
		return false, nil, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, nil, fmt.Errorf("reading the credentials: %w", err)
	}
	dir, err := directory.Open(ctx, directory.At(d.data))
	if err != nil {
		return false, nil, fmt.Errorf("making the first people: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	for _, p := range cast {
		p.Password = directory.RandomPassword()
		_, err := dir.Add(ctx, p.Username, p.Role, p.Password, false)
		if errors.Is(err, account.ErrExists) {
			err = errors.Join(dir.SetPassword(ctx, p.Username, p.Password), dir.RemoveTOTP(ctx, p.Username))
		}
		if err != nil {
			return false, nil, fmt.Errorf("making %s: %w", p.Username, err)
		}
		people = append(people, p)
	}
	return true, people, nil
}

// finishPeople turns the second factors on, which ends the session that made the rooms, and writes the credentials.
func (d *demo) finishPeople(ctx context.Context, people []person) (err error) {
	dir, err := directory.Open(ctx, directory.At(d.data))
	if err != nil {
		return fmt.Errorf("turning second factors on: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	for i, p := range people {
		if !p.second {
			continue
		}
		if people[i].TOTP, err = dir.EnableTOTP(ctx, p.Username); err != nil {
			return fmt.Errorf("turning the second factor of %s on: %w", p.Username, err)
		}
	}
	raw, err := json.MarshalIndent(map[string]any{"url": d.url, "users": people}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the credentials: %w", err)
	}
	// Whole or not at all: half a file would count as a first start that is done.
	tmp := d.path("credentials.json.new")
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the credentials: %w", err)
	}
	if err := os.Rename(tmp, d.path("credentials.json")); err != nil {
		return fmt.Errorf("writing the credentials: %w", err)
	}
	return nil
}

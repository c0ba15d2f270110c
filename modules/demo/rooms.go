package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// The rooms of a new demo. Ada makes them, so she owns them.
var rooms = []map[string]string{
	{"name": "General", "visibility": "public"},
	{"name": "Random", "visibility": "public"},
}

// seedRooms makes the rooms through the gateway, signed in as the admin (whose second factor is not on yet).
func (d *demo) seedRooms(ctx context.Context, client *http.Client, people []person) error {
	admin := people[len(people)-1]
	var login struct {
		Access string `json:"access_token"`
	}
	body := map[string]string{"username": admin.Username, "password": admin.Password, "delivery": "body"}
	if err := d.post(ctx, client, "/auth/api/login", "", body, &login); err != nil {
		return fmt.Errorf("signing in to make the first rooms: %w", err)
	}
	for _, room := range rooms {
		if err := d.post(ctx, client, "/api/rooms", login.Access, room, nil); err != nil {
			return fmt.Errorf("making the room %s: %w", room["name"], err)
		}
	}
	return nil
}

// post sends JSON and reads the answer into out, if that is not nil.
func (d *demo) post(ctx context.Context, client *http.Client, path, token string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "convosphere-demo")
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s answered %d", path, res.StatusCode)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

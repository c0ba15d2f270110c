package account

import "time"

// Profile is what a person may see of the own account.
type Profile struct {
	Username  string
	Roles     []string
	CreatedAt time.Time
	TOTP      bool // a second factor is on
}

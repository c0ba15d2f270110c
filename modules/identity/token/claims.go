package token

import (
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Type is the `typ` of access tokens (RFC 9068).
const Type = "at+jwt"

// claims are the members of an access token, in the order they are written. Times are in whole seconds.
type claims struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	Session   string   `json:"sid"`
	ID        string   `json:"jti"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	Name      string   `json:"name"`
	Roles     []string `json:"roles"`
	Methods   []string `json:"amr"`
	ACR       string   `json:"acr"`
	AuthTime  int64    `json:"auth_time"`
	MFATime   int64    `json:"mfa_time,omitempty"`
	Trusted   bool     `json:"trusted,omitempty"` // the session is on a device that the person had remembered
	Risk      []string `json:"risk,omitempty"`    // what was unusual of the login
	Created   int64    `json:"created,omitempty"` // when the account was made
}

func (c *claims) identity() *reqctx.Identity {
	id := &reqctx.Identity{
		Subject: c.Subject, Name: c.Name, Roles: c.Roles, Kind: reqctx.KindPerson, Session: c.Session, TokenID: c.ID, Methods: c.Methods,
		ACR: c.ACR, Trusted: c.Trusted, Risk: c.Risk,
		AuthTime: time.Unix(c.AuthTime, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC(),
	}
	if c.MFATime != 0 {
		id.MFATime = time.Unix(c.MFATime, 0).UTC()
	}
	if c.Created != 0 {
		id.Created = time.Unix(c.Created, 0).UTC()
	}
	return id
}

// Package field encrypts single values of documents. What a back end keeps in the place of a value is a token,
//
//	enc:v1:<key set's id>:<base64url, without padding, of what keyset.Set.Seal makes>
//
// which opens only at its own place: the additional data of the encryption are the version, the name of the key set (the tenant, the room), the
// record and the field, each with its length before it. The version of the wrapping key is not among them, so wrapping anew changes no token.
//
// What is encrypted is the JSON text of the value, so numbers, booleans, arrays and objects come back as they were.
package field

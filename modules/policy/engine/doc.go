// Package engine decides by Rego, in process: OPA's prepared query over an immutable snapshot of modules and data.
//
// A Snapshot is compiled once, off the request path, and swapped in whole. An evaluation holds no lock and sees one snapshot
// from beginning to end. Every outcome but one well-formed, boolean, in-time answer is a refusal.
//
// The engine knows no permission, role or resource by name: these are the policy's. It asks `data.gateway.decision`
// with the input document that Input describes.
package engine

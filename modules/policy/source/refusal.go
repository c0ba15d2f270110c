package source

// Why a policy is not put in force; short and fixed, for events.
const (
	Unreachable = "the policy can't be fetched"
	Untrusted   = "the policy can't be read, or is not signed by who is trusted"
	Older       = "the policy is older than the one in force"
	Uncompiled  = "the policy does not compile"
	TestsFail   = "the policy's own tests fail"
	Malformed   = "the policy's answers are malformed"
	Unkept      = "the policy is in force, but no copy could be kept"
	Unfit       = "the data that was pushed does not fit the policy"
)

// Refusal says why a policy is not put in force. The one that is stays.
type Refusal struct {
	Reason string // one of the above
	Label  string // what the bundle calls its revision, where it is known
	Err    error  // for the log, and for who asked
}

func (r *Refusal) Error() string { return r.Reason + ": " + r.Err.Error() }

// Unwrap implements errors.
func (r *Refusal) Unwrap() error { return r.Err }

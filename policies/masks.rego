# METADATA
# title: What the decision log does not show
# description: |
#   Where a decision asks for its whole input to be logged (obligation `log`: "full"), this is taken out of it first. The format is
#   that of OPA's decision logs, and so is `input`: {"input", "result", "path", "decision_id"}. What can't be masked is not shown at all.
# scope: package
package system.log

# METADATA
# title: Names of people
# description: The record tells of nobody once an account is erased. The subject, which stays, is opaque.
mask contains "/input/identity/name"

# METADATA
# title: Names of people that requests are about
mask contains "/input/target"

# METADATA
# title: What people write
mask contains "/input/body"

# METADATA
# title: What people search for, and what links carry
mask contains "/input/request/query"
